// Search in the preview site: a box, and the sections that hold every word that was typed.
// The index is a script and not JSON, because a page opened from disk may not fetch a file; it is
// loaded when the box is first used.
(function () {
  "use strict";
  const root = document.currentScript.dataset.root;
  const MOST = 12;
  const AROUND = 70; // characters of text shown before a found word
  let loading = null;

  function load() {
    loading = loading || new Promise(function (resolve, reject) {
      const script = document.createElement("script");
      script.src = root + "/search-index.js";
      script.onload = function () { resolve(window.proxylabSearch); };
      script.onerror = reject;
      document.head.append(script);
    });
    return loading;
  }

  // Sections [page, anchor, title, heading, text] with every word; names count for more than text.
  function find(index, words) {
    const found = [];
    index.forEach(function ([page, anchor, title, heading, text], position) {
      const parts = [heading.toLowerCase(), title.toLowerCase(), text.toLowerCase()];
      let score = 0;
      const all = words.every(function (word) {
        const part = parts.findIndex(function (one) { return one.includes(word); });
        score += [8, anchor ? 2 : 6, 1][part] || 0;
        return part >= 0;
      });
      if (all) found.push({ page, anchor, title, heading, text, score, position });
    });
    return found.sort(function (a, b) { return b.score - a.score || a.position - b.position; });
  }

  // The text around the first word, with every word marked; built as text, never as HTML.
  function excerpt(text, words) {
    const out = document.createElement("span");
    const first = Math.min(...words.map(function (word) {
      const at = text.toLowerCase().indexOf(word);
      return at < 0 ? Infinity : at;
    }));
    const start = first > AROUND && first < Infinity ? text.indexOf(" ", first - AROUND) + 1 : 0;
    const shown = (start ? "\u2026 " : "") + text.slice(start, start + 2 * AROUND);
    const escaped = words.map(function (word) { return word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"); });
    shown.split(new RegExp("(" + escaped.join("|") + ")", "i")).forEach(function (piece, i) {
      if (i % 2 === 0) return out.append(piece);
      const mark = document.createElement("mark");
      mark.textContent = piece;
      out.append(mark);
    });
    return out;
  }

  function entry(hit, words) {
    const item = document.createElement("li"), link = document.createElement("a");
    const name = document.createElement("strong");
    name.textContent = hit.heading ? hit.title + ": " + hit.heading : hit.title;
    link.href = root + "/" + hit.page + (hit.anchor ? "#" + hit.anchor : "");
    link.append(name, excerpt(hit.text, words));
    item.append(link);
    return item;
  }

  function start() {
    const place = document.querySelector(".search");
    place.innerHTML = '<label class="aside-text" for="search-box">Search these pages</label>'
      + '<input id="search-box" type="search" placeholder="Search ( / )" autocomplete="off">'
      + '<p role="status"></p><ul aria-label="Search results"></ul>';
    const [box, status, list] = ["input", "p", "ul"].map(function (name) {
      return place.querySelector(name);
    });
    place.hidden = false;
    list.hidden = true;

    function show(index) {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      const found = words.length && box.value.trim().length > 1 ? find(index, words) : [];
      list.replaceChildren(...found.slice(0, MOST).map(function (hit) { return entry(hit, words); }));
      list.hidden = !found.length;
      if (box.value.trim().length < 2) status.textContent = "";
      else if (found.length > MOST) status.textContent = "The first " + MOST + " of " + found.length + " sections";
      else status.textContent = (found.length || "No") + (found.length === 1 ? " section" : " sections");
    }

    function move(step) {
      const stops = [box, ...list.querySelectorAll("a")];
      const next = stops[stops.indexOf(document.activeElement) + step];
      if (next) next.focus();
    }

    box.addEventListener("focus", load);
    box.addEventListener("input", function () {
      load().then(show, function () { status.textContent = "The search index could not be read."; });
    });
    place.addEventListener("keydown", function (event) {
      const steps = { ArrowDown: 1, ArrowUp: -1 };
      if (event.key in steps) {
        event.preventDefault();
        move(steps[event.key]);
      } else if (event.key === "Escape") {
        box.value = "";
        box.dispatchEvent(new Event("input"));
        box.focus();
      }
    });
    document.addEventListener("keydown", function (event) {
      if (event.key !== "/" || event.target.matches("input, textarea, select")) return;
      event.preventDefault();
      box.focus();
    });
  }

  document.addEventListener("DOMContentLoaded", start);
})();
