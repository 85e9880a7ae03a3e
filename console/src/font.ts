const KEY = "muster.font";
let asked = false;

/** The typeface, after what people came for; once the browser keeps it, at once. */
export function loadFont(): void {
  if (asked) return;
  asked = true;
  void import("@fontsource-variable/inter/wght.css").then(() => {
    try {
      localStorage.setItem(KEY, "1");
    } catch {
      // Storage is switched off: it comes late every time.
    }
  });
}

export function loadKeptFont(): void {
  try {
    if (localStorage.getItem(KEY) !== null) loadFont();
  } catch {
    // Not kept.
  }
}
