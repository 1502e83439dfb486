// Shows the runs that have every word in the field, and none that follows a minus sign.
{
  const field = document.getElementById("filter");
  const count = document.getElementById("count");
  const runs = [...document.querySelectorAll("details.run")];
  function filter() {
    const words = field.value.toLowerCase().split(/\s+/).filter((word) => word && word !== "-");
    let shown = 0;
    for (const run of runs) {
      const text = run.dataset.text;
      const fits = words.every((word) => (word.startsWith("-") ? !text.includes(word.slice(1)) : text.includes(word)));
      run.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${runs.length} runs`;
  }
  field.addEventListener("input", filter);
  filter();
}
