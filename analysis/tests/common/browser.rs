//! Makes a report from a results folder and opens its page in headless Chromium, from a file:// address. The
//! environment variable `GUIDANCE_CHROMIUM` is Chromium's path; without it, the usual names are looked for in `PATH`.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Returns Chromium's path; where there is none, prints that `test` is skipped and returns `None`.
pub fn chromium(test: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("GUIDANCE_CHROMIUM") {
        return Some(path.into());
    }
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates =
        std::env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name)));
    let found = candidates.find(|program| program.is_file());
    if found.is_none() {
        println!("skipped: {test}: no Chromium (GUIDANCE_CHROMIUM is not set)");
    }
    found
}

/// Makes a report of `results` in a new folder and adds `script`, JavaScript, at the end of its page. Returns
/// the folder.
pub fn page(results: &Path, script: &str) -> TempDir {
    page_of(results, "report.html", script)
}

/// As [`page`], but adds `script` to the page `name`, a path in the report's folder.
pub fn page_of(results: &Path, name: &str, script: &str) -> TempDir {
    let out = TempDir::new().unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_analysis"))
        .args(["report", "--results"])
        .arg(results)
        .arg("--out")
        .arg(out.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{stderr}");
    let path = out.path().join(name);
    let page = fs_err::read_to_string(&path).unwrap();
    let probed = page.replace("</body>", &format!("<script>{script}</script></body>"));
    assert_ne!(page, probed);
    fs_err::write(&path, probed).unwrap();
    out
}

/// Opens `report.html` in the folder `page` with further command-line `options`. Returns its DOM after all
/// scripts have run, and Chromium's log, where lines with `CONSOLE` are messages of the page.
pub fn visit(chromium: &Path, page: &TempDir, options: &[&str]) -> (String, String) {
    visit_page(chromium, page, "report.html", options)
}

/// As [`visit`], for the page of that name.
pub fn visit_page(
    chromium: &Path,
    page: &TempDir,
    name: &str,
    options: &[&str],
) -> (String, String) {
    let url = format!("file://{}", page.path().join(name).display());
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .args([
            "--enable-logging=stderr",
            "--log-level=0",
            "--window-size=1200,1000",
        ])
        .arg(format!(
            "--user-data-dir={}",
            page.path().join("profile").display()
        ))
        .args(options)
        .arg(url)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Returns the value of the attribute `data-probe`, in which a test's script leaves its findings.
pub fn probe(dom: &str) -> &str {
    let said = dom.split("data-probe=\"").nth(1);
    said.unwrap_or_else(|| panic!("no probe in {} letters", dom.len()))
        .split('"')
        .next()
        .unwrap()
}
