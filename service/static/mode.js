// What the picture holds, one digit or a number: a choice that the page's address keeps, to be linked and reloaded.

const HASHES = { digit: "", number: "#number" };
const radios = [...document.querySelectorAll("#modes input")];

/** "digit" or "number". */
export function mode() {
  return location.hash === HASHES.number ? "number" : "digit";
}

/** Calls `changed` after each change, whether by the switch or by the address. */
export function followMode(changed) {
  const follow = () => {
    for (const radio of radios) radio.checked = radio.value === mode();
    document.documentElement.dataset.mode = mode();
  };
  for (const radio of radios) {
    radio.addEventListener("change", () => {
      history.replaceState(null, "", location.pathname + location.search + HASHES[radio.value]);
      follow();
      changed();
    });
  }
  addEventListener("hashchange", () => {
    follow();
    changed();
  });
  addEventListener("pageshow", follow); // browsers fill in what was chosen before, whatever the address says
  follow();
}
