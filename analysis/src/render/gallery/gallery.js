"use strict";
// Shows the pairs (an image and a class on it) that the fields choose, a page of 60 at a time, with their maps.
// Data come as scripts (render/gallery/data.rs): index.js calls gallery.open, a shard gallery.hang. Names
// become text nodes, never HTML.
const gallery = (() => {
  const PER_PAGE = 60;
  // Shards kept in memory, about 100 kB each.
  const MOST_SHARDS = 160;
  const SMALL = 192, LARGE = 360;
  const OUTLINE = [40, 70, 255];
  const $ = (id) => document.getElementById(id);
  const element = (name, attributes, ...children) => {
    const made = Object.assign(document.createElement(name), attributes);
    made.append(...children);
    return made;
  };
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  let index, colours, here, chosen = [], page = 0, cards = [], current = -1, turn = 0;

  // Shards by name: a promise of their pairs, [] where the file cannot be read.
  const shards = new Map();
  const arrived = new Map();
  function shard(name) {
    let known = shards.get(name);
    shards.delete(name);
    if (!known) {
      known = new Promise((resolve) => {
        const script = element("script", { src: `${name}.js` });
        const done = () => {
          script.remove();
          resolve(arrived.get(name) ?? []);
          arrived.delete(name);
        };
        script.onload = script.onerror = done;
        document.head.append(script);
      });
    }
    shards.set(name, known);
    if (shards.size > MOST_SHARDS) shards.delete(shards.keys().next().value);
    return known;
  }
  async function of(place, pair) {
    if (!place) return [];
    const pairs = await shard(`${place.name}-${Math.floor(pair / place.pairs)}`);
    return pairs[pair % place.pairs] ?? [];
  }

  // Images by file name. Where there is none, null.
  const images = new Map();
  function picture(pair) {
    const name = here.pictures[here.image[pair]];
    if (!name) return null;
    let known = images.get(name);
    images.delete(name);
    if (!known) {
      const image = new Image();
      image.src = name;
      known = image.decode().then(() => image, () => null);
    }
    images.set(name, known);
    if (images.size > 4 * PER_PAGE) images.delete(images.keys().next().value);
    return known;
  }

  // Of each pixel of a picture of `size`, whether it is in the segmentation.
  function inside(runs, [height, width], [rows, columns]) {
    const cells = new Uint8Array(height * width);
    let at = 0, value = 0, length = 0, shift = 0;
    for (const byte of bytes(runs)) {
      length |= (byte & 127) << shift;
      shift += 7;
      if (byte & 128) continue;
      if (value) cells.fill(1, at, at + length);
      at += length; value ^= 1; length = 0; shift = 0;
    }
    const pixels = new Uint8Array(rows * columns);
    for (let y = 0; y < rows; y++) {
      const row = Math.floor(((y + 0.5) * height) / rows) * width;
      for (let x = 0; x < columns; x++) pixels[y * columns + x] = cells[row + Math.floor(((x + 0.5) * width) / columns)];
    }
    return pixels;
  }

  const NONE = "#8c8c8c";
  // The image made grey, at the size of `canvas`.
  function grey(canvas, image) {
    const made = element("canvas", { width: canvas.width, height: canvas.height });
    const context = made.getContext("2d");
    context.fillStyle = NONE;
    context.fillRect(0, 0, made.width, made.height);
    if (image) {
      context.drawImage(image, 0, 0, made.width, made.height);
      context.globalCompositeOperation = "saturation";
      context.fillStyle = "#808080";
      context.fillRect(0, 0, made.width, made.height);
    }
    return made;
  }
  // Draws on `canvas` the image, over it the map [height, width, bytes] (undefined: the image alone), and
  // outline (a canvas) and boxes as the fields say.
  function draw(canvas, image, map, pair, outline) {
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    context.fillStyle = NONE;
    context.fillRect(0, 0, width, height);
    if (image) context.drawImage(image, 0, 0, width, height);
    if (map) {
      context.globalAlpha = index.overlay;
      context.drawImage(heat(map, Math.ceil(width / 2), Math.ceil(height / 2)), 0, 0, width, height);
      context.globalAlpha = 1;
    }
    if (outline && $("outlines").checked) context.drawImage(outline, 0, 0);
    if (here.grid && $("boxes").checked) {
      const line = Math.max(2, width / 110);
      const [x, y] = [width / here.grid[1], height / here.grid[0]];
      context.strokeStyle = `rgb(${index.frame})`;
      context.lineWidth = line;
      const corners = here.boxes[pair];
      for (let i = 0; i < corners.length; i += 4) {
        const [x1, y1, x2, y2] = corners.slice(i, i + 4);
        context.strokeRect(x1 * x + line / 2, y1 * y + line / 2, Math.max((x2 - x1) * x - line, 1), Math.max((y2 - y1) * y - line, 1));
      }
    }
  }
  // The map in colours, between its cells interpolated as the evaluator does (docs/SPEC.md A.3). The canvas is
  // the same for all maps of a size.
  const layers = new Map();
  function layer(width, height) {
    const key = `${width} ${height}`;
    if (!layers.has(key)) {
      const canvas = element("canvas", { width, height });
      const context = canvas.getContext("2d");
      layers.set(key, [canvas, context, context.createImageData(width, height)]);
    }
    return layers.get(key);
  }
  function heat([rows, columns, text], width, height) {
    const cells = bytes(text);
    const [canvas, context, pixels] = layer(width, height);
    const taps = (n, size) => Array.from({ length: size }, (_, i) => {
      const at = Math.max(((i + 0.5) * n) / size - 0.5, 0);
      const low = Math.min(Math.floor(at), n - 1);
      return [low, Math.min(low + 1, n - 1), at - low];
    });
    const across = taps(columns, width), down = taps(rows, height);
    let at = 0;
    for (const [above, below, v] of down) {
      for (const [left, right, u] of across) {
        const top = cells[above * columns + left] * (1 - u) + cells[above * columns + right] * u;
        const bottom = cells[below * columns + left] * (1 - u) + cells[below * columns + right] * u;
        const colour = 3 * Math.round(top * (1 - v) + bottom * v);
        pixels.data[at++] = colours[colour];
        pixels.data[at++] = colours[colour + 1];
        pixels.data[at++] = colours[colour + 2];
        pixels.data[at++] = 255;
      }
    }
    context.putImageData(pixels, 0, 0);
    return canvas;
  }
  // The outline of a segmentation, at the size of `canvas`.
  function outlined(runs, { width, height }) {
    const cells = inside(runs, here.grid, [height, width]);
    const canvas = element("canvas", { width, height });
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(width, height);
    const thickness = Math.max(1, Math.round(width / 160));
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const own = cells[y * width + x];
        const differs = (dx, dy) => {
          const [u, v] = [x + dx, y + dy];
          return u >= 0 && v >= 0 && u < width && v < height && cells[v * width + u] !== own;
        };
        if (own && (differs(thickness, 0) || differs(-thickness, 0) || differs(0, thickness) || differs(0, -thickness))) {
          pixels.data.set([...OUTLINE, 255], 4 * (y * width + x));
        }
      }
    }
    context.putImageData(pixels, 0, 0);
    return canvas;
  }

  // EPG in words, and its difference to the baseline's.
  const counted = (value) => Math.max(value, 0);
  function epg(column, pair, setting) {
    const value = column.epg[pair];
    if (value === null) return "not scored";
    const base = column.baseline === null ? null : setting.columns[column.baseline].epg[pair];
    let text = value < 0 ? "EPG undefined, 0" : `EPG ${(value / 10).toFixed(1)}\u00a0%`;
    if (base !== null) {
      const points = (counted(value) - counted(base)) / 10;
      text += ` (${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)})`;
    }
    return text;
  }

  // A canvas with a caption.
  function cell(size, label, caption) {
    const [rows, columns] = here.grid ?? [1, 1];
    const canvas = element("canvas", { width: size, height: Math.max(1, Math.round((size * rows) / columns)) });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${label} ${caption}`.trim());
    const under = element("span", {}, element("b", { textContent: label }), " ", caption);
    return { canvas, node: element("span", { className: "cell" }, canvas, under) };
  }
  const name = (pair) => here.images[here.image[pair]];
  function title(pair) {
    const group = here.image_groups[here.image[pair]];
    const parts = [name(pair), ...(group === null ? [] : [here.groups[group]])];
    return [element("b", { textContent: here.classes[here.class[pair]] }), ` ${parts.join(" · ")}`];
  }
  function cells(pair, setting, columns, size) {
    const first = cell(size, "Image", "");
    const others = columns.map((i) => cell(size, setting.columns[i].label, epg(setting.columns[i], pair, setting)));
    return {
      n: others.length + 1,
      node: element("span", { className: "cells" }, first.node, ...others.map((other) => other.node)),
      // Loads all that is needed; returns the steps of drawing.
      async fill() {
        const [image, maps, [runs]] = await Promise.all([picture(pair), of(setting.maps, pair), of(here.outlines, pair)]);
        let under, line;
        return [
          () => {
            under = grey(first.canvas, image);
            line = runs && outlined(runs, first.canvas);
            draw(first.canvas, image, undefined, pair, line);
          },
          ...others.map((other, i) => () => {
            const map = maps[columns[i]];
            if (map) draw(other.canvas, under, map, pair, line);
            else other.node.append(", no map kept");
          }),
        ];
      },
    };
  }

  // Cards are filled by a few at once, those in view first, and drawn within a part of a frame.
  const WORKERS = 6, BUDGET = 4;
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const card = cards.find((card) => card.node === entry.target);
      if (card) card.near = entry.isIntersecting;
    }
  }, { rootMargin: "300px" });
  let drawings = [], isDrawing = false;
  function paint() {
    const start = performance.now();
    while (drawings.length && performance.now() - start < BUDGET) drawings.shift()();
    isDrawing = drawings.length > 0;
    if (isDrawing) requestAnimationFrame(paint);
  }
  function paintSoon(steps) {
    drawings.push(...steps);
    if (!isDrawing) {
      isDrawing = true;
      requestAnimationFrame(paint);
    }
  }
  async function work(mine) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    while (mine === turn) {
      const waiting = cards.filter((card) => !card.begun);
      const card = waiting.find((card) => card.near) ?? waiting[0];
      if (!card) return;
      card.begun = true;
      const steps = await card.fill();
      if (mine !== turn) return;
      await new Promise((resolve) => paintSoon([...steps, () => { card.isDone = true; resolve(); }]));
    }
  }

  const setting = () => here.settings[+$("setting").value];
  // The columns that the field of losses leaves: baselines and the runs of that loss.
  function columns(of = setting()) {
    const loss = $("loss").value;
    const all = of.columns.map((_, i) => i);
    if (!loss) return all;
    const guided = all.filter((i) => of.columns[i].loss === loss);
    const bases = guided.map((i) => of.columns[i].baseline);
    return [...new Set(bases.filter((i) => i !== null)), ...guided];
  }

  const ORDERS = [
    ["worst", "lowest EPG first"],
    ["best", "highest EPG first"],
    ["rose", "largest gain of EPG first"],
    ["fell", "largest loss of EPG first"],
    ["name", "image names"],
  ];
  // The number to order by: mean EPG of the guided runs shown, or its mean difference to the baselines.
  function keys() {
    const of = setting();
    const shown = columns().map((i) => of.columns[i]);
    const guided = shown.filter((column) => column.loss !== null);
    const isChange = ["rose", "fell"].includes($("order").value);
    return (pair) => {
      const values = (guided.length ? guided : shown).map((column) => {
        const value = column.epg[pair];
        if (value === null || !isChange) return value === null ? null : counted(value);
        const base = column.baseline === null ? null : of.columns[column.baseline].epg[pair];
        return base === null ? null : counted(value) - counted(base);
      }).filter((value) => value !== null);
      return values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
    };
  }
  function choose() {
    const [of_class, of_group] = [$("class").value, $("group").value];
    const words = $("search").value.trim().toLowerCase();
    chosen = here.image.map((_, pair) => pair).filter((pair) =>
      (of_class === "" || here.class[pair] === +of_class) &&
      (of_group === "" || here.image_groups[here.image[pair]] === +of_group) &&
      (words === "" || name(pair).toLowerCase().includes(words)));
    const order = $("order").value;
    if (order === "name") {
      chosen.sort((a, b) => here.image[a] - here.image[b] || here.class[a] - here.class[b]);
    } else {
      const key = keys();
      const by = new Map(chosen.map((pair) => [pair, key(pair)]));
      const sign = order === "best" || order === "rose" ? -1 : 1;
      const last = (pair) => (by.get(pair) === null ? 1 : 0);
      chosen.sort((a, b) => last(a) - last(b) || sign * (by.get(a) - by.get(b)) || a - b);
    }
    page = 0;
    show();
  }
  // Shows a page of the chosen pairs.
  function show() {
    turn += 1;
    drawings = [];
    near.disconnect();
    const first = page * PER_PAGE;
    const pairs = chosen.slice(first, first + PER_PAGE);
    cards = pairs.map((pair, i) => {
      const made = cells(pair, setting(), columns(), SMALL);
      const button = element("button", { type: "button", className: "card" }, element("span", { className: "title" }, ...title(pair)), made.node);
      button.addEventListener("click", () => enlarge(first + i));
      return { node: element("li", { className: made.n > 4 ? "wide" : "" }, button), fill: made.fill, begun: false, near: false };
    });
    $("list").replaceChildren(...cards.map((card) => card.node));
    for (const card of cards) near.observe(card.node);
    const n = chosen.length, pages = Math.ceil(n / PER_PAGE);
    const images = new Set(chosen.map((pair) => here.image[pair])).size;
    $("count").textContent = n ? `${n} of ${here.image.length} pairs of image and class, on ${images} images` : "No image fits.";
    $("place").textContent = `${page + 1} of ${pages}`;
    $("steps").hidden = pages < 2;
    $("before").disabled = page === 0;
    $("after").disabled = page + 1 >= pages;
    for (let i = 0; i < WORKERS; i++) work(turn);
  }
  function turnTo(next) {
    page = next;
    show();
    $("fields").scrollIntoView();
  }

  // Opens the pair at this place of the chosen ones in the large view, with the maps of all settings.
  function enlarge(place) {
    current = place;
    const pair = chosen[place];
    $("what").replaceChildren(...title(pair));
    $("left").disabled = place === 0;
    $("right").disabled = place + 1 >= chosen.length;
    const own = setting();
    const walls = [own, ...here.settings.filter((other) => other !== own)];
    const made = walls.map((wall) => [wall, cells(pair, wall, columns(wall), LARGE)]);
    $("walls").replaceChildren(...made.flatMap(([wall, cells]) => [element("h3", { textContent: wall.title }), cells.node]));
    for (const [, cells] of made) cells.fill().then((steps) => current === place && steps.forEach((step) => step()));
    if (!$("large").open) $("large").showModal();
  }
  const step = (by) => chosen[current + by] !== undefined && enlarge(current + by);
  $("left").addEventListener("click", () => step(-1));
  $("right").addEventListener("click", () => step(1));
  $("close").addEventListener("click", () => $("large").close());
  $("large").addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) {
      event.preventDefault();
      step(by);
    }
  });
  $("large").addEventListener("click", (event) => event.target === $("large") && $("large").close());
  // After the large view its last image is in the list, and has the focus.
  $("large").addEventListener("close", () => {
    const place = current;
    current = -1;
    const on = Math.floor(place / PER_PAGE);
    if (on !== page) turnTo(on);
    cards[place % PER_PAGE].node.firstChild.focus();
  });

  const option = (value, textContent) => element("option", { value, textContent });
  function fill(id, options) {
    const before = $(id).value;
    $(id).replaceChildren(...options);
    if (["loss", "order"].includes(id) && options.some((option) => option.value === before)) $(id).value = before;
    $(`of-${id}`).hidden = options.length < 2;
  }
  const counts = (values) => values.reduce((found, value) => found.set(value, (found.get(value) ?? 0) + 1), new Map());
  function enter() {
    here = index.collections[+$("collection").value];
    fill("setting", here.settings.map((setting, i) => option(i, setting.title)));
    const of_class = counts(here.class);
    fill("class", [option("", "all"), ...here.classes.map((name, i) => option(i, `${name} (${of_class.get(i) ?? 0})`))]);
    fill("group", [...(here.groups.length > 1 ? [option("", "all")] : []), ...here.groups.map((name, i) => option(here.groups.length > 1 ? i : "", name))]);
    $("of-outlines").hidden = !here.outlines;
    look();
  }
  // Fills the lists that depend on the maps looked at.
  function look() {
    const losses = [...new Set(setting().columns.map((column) => column.loss).filter((loss) => loss !== null))];
    fill("loss", losses.length > 1 ? [option("", "all"), ...losses.map((loss) => option(loss, loss))] : []);
    const can = setting().columns.some((column) => column.baseline !== null);
    const orders = ORDERS.filter(([order]) => can || !["rose", "fell"].includes(order));
    fill("order", orders.map(([order, title]) => option(order, title)));
    choose();
  }
  function open(data) {
    index = data;
    colours = bytes(index.colours);
    fill("collection", index.collections.map((collection, i) => option(i, collection.title)));
    $("collection").addEventListener("change", enter);
    $("setting").addEventListener("change", look);
    for (const id of ["class", "group", "loss", "order"]) $(id).addEventListener("change", choose);
    for (const id of ["boxes", "outlines"]) $(id).addEventListener("change", show);
    $("search").addEventListener("input", choose);
    $("fields").addEventListener("submit", (event) => event.preventDefault());
    $("before").addEventListener("click", () => turnTo(page - 1));
    $("after").addEventListener("click", () => turnTo(page + 1));
    enter();
  }
  // What tests ask: whether all that is shown is drawn, and how many images and shards are loaded.
  const isDrawn = () => cards.length > 0 && cards.every((card) => card.isDone);
  const loaded = () => [images.size, shards.size];
  return { open, isDrawn, loaded, hang: (name, pairs) => arrived.set(name, pairs) };
})();
