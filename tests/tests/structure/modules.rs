//! Parses the modules of a crate and finds which files each imports from, by `use` or by a path in its code.
//! Paths in a macro's arguments are found; names that only the macro's expansion contains are not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fs_err as fs;
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Meta, UseTree, Visibility};

/// A module: a file, or a `mod name { … }` within one.
pub struct Module {
    /// The file it is written in.
    pub file: PathBuf,
    /// Its path from the crate's root, e.g. `["room", "low"]`.
    path: Vec<String>,
    /// Names of the modules declared in it.
    children: BTreeSet<String>,
    /// Names of its other items: functions, types, constants, macros.
    items: BTreeSet<String>,
    /// The names that it imports.
    uses: Vec<Use>,
    /// Paths of two parts or more in its code (`a::f`), made absolute from the crate's root.
    paths: Vec<Vec<String>>,
}

/// One name that a `use` imports.
struct Use {
    /// The name that it has in this module; `*` for a glob import.
    name: String,
    /// The path of what is imported, from the crate's root.
    path: Vec<String>,
    /// Whether it is re-exported: `pub use`, `pub(crate) use`.
    is_passed_on: bool,
}

/// A file that a module imports something from.
pub struct Import {
    /// The file in which the imported item is written.
    pub file: PathBuf,
    /// The item's path from the crate's root.
    pub name: String,
}

/// Returns the root files of a package's crates: library, programs, tests, examples.
pub fn roots(package: &Path) -> Vec<PathBuf> {
    let named = |path: &str| package.join(path);
    let mut found = vec![named("src/lib.rs"), named("src/main.rs")];
    for folder in ["src/bin", "tests", "examples"] {
        for entry in fs::read_dir(named(folder)).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => found.push(path.join("main.rs")),
                false => found.push(path),
            }
        }
    }
    found.retain(|path| path.extension().is_some_and(|end| end == "rs") && path.is_file());
    found.sort();
    found
}

/// Reads all modules below a root file, the root itself first.
pub fn read(root: &Path) -> Vec<Module> {
    let mut modules = Vec::new();
    read_file(root, root.parent().unwrap(), Vec::new(), &mut modules);
    modules
}

/// Adds the module in `file`, whose module path is `path`, and all modules below it to `modules`. The files of its
/// children are in `folder`.
fn read_file(file: &Path, folder: &Path, path: Vec<String>, modules: &mut Vec<Module>) {
    let text = fs::read_to_string(file).unwrap();
    let parsed =
        syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    read_items(&parsed.items, (file, folder), path, modules);
}

/// Adds the module with these items, and its children, to `modules`.
fn read_items(
    items: &[Item],
    (file, folder): (&Path, &Path),
    path: Vec<String>,
    modules: &mut Vec<Module>,
) {
    let is_module = |item: &&Item| matches!(item, Item::Mod(_));
    let children = items.iter().filter_map(|item| match item {
        Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    });
    let mut module = Module {
        file: file.to_owned(),
        path: path.clone(),
        children: children.collect(),
        items: items.iter().filter_map(name_of).collect(),
        uses: Vec::new(),
        paths: Vec::new(),
    };
    for item in items.iter().filter(|item| !is_module(item)) {
        Reader(&mut module).visit_item(item);
    }
    modules.push(module);
    for item in items {
        let Item::Mod(child) = item else { continue };
        let name = child.ident.to_string();
        let below: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
        let inner = folder.join(&name);
        if let Some((_, items)) = &child.content {
            read_items(items, (file, &inner), below, modules);
            continue;
        }
        let named = match child.attrs.iter().find_map(path_attribute) {
            Some(named) => file.parent().unwrap().join(named),
            None => folder.join(format!("{name}.rs")),
        };
        match named.is_file() {
            // The children of a mod.rs lie in the same folder as it.
            true if named.ends_with("mod.rs") => {
                read_file(&named, named.parent().unwrap(), below, modules);
            }
            true => read_file(&named, &inner, below, modules),
            false => read_file(&inner.join("mod.rs"), &inner, below, modules),
        }
    }
}

/// Returns the path in an attribute `#[path = "…"]`; `None` for any other attribute.
fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match (&pair.value, pair.path.is_ident("path")) {
        (syn::Expr::Lit(value), true) => match &value.lit {
            syn::Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the name of an item that others can import; `None` for items without a name and for modules, which are
/// treated separately.
fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(ident.to_string())
}

impl Module {
    /// Returns every file that this module imports from. Children that it only re-exports do not count.
    pub fn imports(&self, modules: &[Module]) -> Vec<Import> {
        let passes_on_its_own =
            |used: &&Use| used.is_passed_on && used.path.starts_with(&self.path);
        let used = self.uses.iter().filter(|used| !passes_on_its_own(used));
        let named = used.map(|used| &used.path).chain(&self.paths);
        let found = named.flat_map(|path| {
            let files = resolve(modules, path, &mut Vec::new());
            let name = path.join("::");
            files.into_iter().map(move |file| Import {
                file,
                name: name.clone(),
            })
        });
        found.collect()
    }

    /// Returns a path as written in this module as one from the crate's root. A path may begin with a name that the
    /// module imports. `None` where it leads out of the crate or begins with an item of this module itself.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let below = |start: &[String], rest: &[String]| [start, rest].concat();
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some(below(&self.path, rest)),
            "super" => {
                let n_up = path.iter().take_while(|part| *part == "super").count();
                let up = self.path.len().checked_sub(n_up)?;
                Some(below(&self.path[..up], &path[n_up..]))
            }
            name if self.children.contains(name) => Some(below(&self.path, path)),
            name => {
                let used = self
                    .uses
                    .iter()
                    .find(|used| used.name == name && name != "*")?;
                Some(below(&used.path, rest))
            }
        }
    }
}

/// Returns the files in which the item at `path` is defined; re-exports are followed. A path that ends in `*` (from
/// `use a::*`) stands for the module's own file and for those of the glob imports in it. `seen` has the paths
/// followed so far, so that globs that re-export each other do not lead to an endless recursion.
fn resolve(modules: &[Module], path: &[String], seen: &mut Vec<Vec<String>>) -> Vec<PathBuf> {
    if seen.iter().any(|other| other == path) {
        return Vec::new();
    }
    seen.push(path.to_vec());
    // The longest beginning of the path that is a module.
    let of = |path: &[String]| modules.iter().find(|module| module.path == path);
    let Some((depth, module)) = (0..=path.len())
        .rev()
        .find_map(|depth| Some((depth, of(&path[..depth])?)))
    else {
        return Vec::new();
    };
    let Some(name) = path.get(depth) else {
        return vec![module.file.clone()];
    };
    let rest = &path[depth + 1..];
    let mut found = match name.as_str() {
        "*" => vec![module.file.clone()],
        _ => Vec::new(),
    };
    for used in &module.uses {
        let is_glob = used.name == "*";
        let mut onwards = used.path.clone();
        if is_glob {
            onwards.pop();
            onwards.push(name.clone());
        }
        let is_followed = match (is_glob, name.as_str()) {
            (false, _) => used.name == *name,
            (true, "*") => true,
            // A glob import is followed only if its module has the name and this module has no item of the name.
            (true, _) => !module.items.contains(name) && has(modules, &onwards),
        };
        if is_followed {
            onwards.extend_from_slice(rest);
            found.extend(resolve(modules, &onwards, seen));
        }
    }
    match found.is_empty() {
        true => vec![module.file.clone()],
        false => found,
    }
}

/// Whether the last part of `path` is a name in the module that the other parts name: an item, a child or an import.
fn has(modules: &[Module], path: &[String]) -> bool {
    let Some((name, folder)) = path.split_last() else {
        return false;
    };
    let mut of = modules.iter().filter(|module| module.path == folder);
    of.any(|module| {
        let uses = module
            .uses
            .iter()
            .any(|used| used.name == *name || used.name == "*");
        module.items.contains(name) || module.children.contains(name) || uses
    })
}

/// Visits the items of a module and collects the names that they use.
struct Reader<'a>(&'a mut Module);

impl Reader<'_> {
    /// Adds a path in code, if it has two parts or more.
    fn path(&mut self, written: Vec<String>) {
        if written.len() > 1 {
            self.0.paths.extend(self.0.absolute(&written));
        }
    }

    /// Adds the names that the tree of a `use` imports; `before` are the parts of the path read so far.
    fn tree(&mut self, tree: &UseTree, before: &[String], is_passed_on: bool) {
        let mut one = |name: String, last: String| {
            let mut written = [before, &[last]].concat();
            // `use a::{self}`
            if written.len() > 1 && written.last().is_some_and(|last| last == "self") {
                written.pop();
            }
            if let Some(path) = self.0.absolute(&written) {
                self.0.uses.push(Use {
                    name,
                    path,
                    is_passed_on,
                });
            }
        };
        match tree {
            UseTree::Name(name) => {
                let last = name.ident.to_string();
                let called = match (last.as_str(), before.last()) {
                    ("self", Some(name)) => name.clone(),
                    _ => last.clone(),
                };
                one(called, last);
            }
            UseTree::Rename(name) => one(name.rename.to_string(), name.ident.to_string()),
            UseTree::Glob(_) => one("*".to_owned(), "*".to_owned()),
            UseTree::Path(path) => {
                let before = [before, &[path.ident.to_string()]].concat();
                self.tree(&path.tree, &before, is_passed_on);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, before, is_passed_on);
                }
            }
        }
    }

    /// Adds the paths among the tokens of a macro's arguments: names joined by `::`.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let mut written = vec![first.to_string()];
                    while let [
                        TokenTree::Punct(a),
                        TokenTree::Punct(b),
                        TokenTree::Ident(name),
                        ..,
                    ] = &tokens[at + 1..]
                    {
                        if (a.as_char(), b.as_char()) != (':', ':') {
                            break;
                        }
                        written.push(name.to_string());
                        at += 3;
                    }
                    self.path(written);
                }
                _ => {}
            }
            at += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_passed_on = !matches!(item.vis, Visibility::Inherited);
        self.tree(&item.tree, &[], is_passed_on);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let written = path.segments.iter().map(|part| part.ident.to_string());
        self.path(written.collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, makro: &'ast syn::Macro) {
        self.tokens(makro.tokens.clone());
        visit::visit_macro(self, makro);
    }
}
