// What the walk asks of a page that is open in a browser. Put into the page by browse.py.
window.proxylabWalk = (function () {
  "use strict";
  const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const seen = new Map(); // what Tab reached: element -> whether its focus showed

  // A short name for an element that a reader of the page's source can find.
  function named(element) {
    const id = element.id ? "#" + element.id : "";
    const classes = Array.from(element.classList).slice(0, 2).map((name) => "." + name).join("");
    const text = (element.innerText || "").trim().replace(/\s+/g, " ").slice(0, 40);
    return element.tagName.toLowerCase() + id + classes + (text ? " '" + text + "'" : "");
  }

  function scrolls(element) {
    return ["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(element).overflowX);
  }

  function insideScroller(element) {
    for (let up = element.parentElement; up && up !== document.body; up = up.parentElement) {
      if (scrolls(up)) return true;
    }
    return false;
  }

  function shown(element) {
    return element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length;
  }

  // What makes the page wider than its window: the outermost elements that stick out.
  function wide() {
    const limit = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= limit + 1) return [];
    const out = Array.from(document.body.querySelectorAll("*")).filter(function (element) {
      return element.getBoundingClientRect().right > limit + 1 && shown(element)
        && !insideScroller(element);
    });
    return out.filter((element) => !out.includes(element.parentElement)).map(named);
  }

  // What paper would cut off: whatever one would have to scroll sideways.
  function cut() {
    const boxes = Array.from(document.body.querySelectorAll("*")).filter(function (element) {
      return element.clientWidth > 1 && element.scrollWidth > element.clientWidth + 1
        && scrolls(element) && shown(element);
    });
    return wide().concat(boxes.map(named));
  }

  function focusShows(element) {
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    return (ring || style.boxShadow !== "none") && box.width > 1 && box.right > 0 && box.bottom > 0;
  }

  // Begin to note what Tab reaches; returns how many stops to expect.
  function watchFocus() {
    seen.clear();
    document.addEventListener("focusin", function (event) {
      seen.set(event.target, focusShows(event.target));
    });
    return Array.from(document.querySelectorAll(FOCUSABLE)).filter(shown).length;
  }

  function focusFaults() {
    const missed = Array.from(document.querySelectorAll(FOCUSABLE)).filter(function (element) {
      return shown(element) && !element.disabled && element.tabIndex >= 0 && !seen.has(element);
    });
    const unseen = Array.from(seen).filter(([, shows]) => !shows).map(([element]) => element);
    return { missed: missed.map(named), unseen: unseen.map(named) };
  }

  return { wide, cut, watchFocus, focusFaults };
})();
