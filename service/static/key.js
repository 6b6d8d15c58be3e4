// The API key, where the service asks for one. It is kept for this tab alone, and is gone when the tab is closed.

const NAME = "api-key";
const $ = (id) => document.getElementById(id);
let key = stored();

/** The headers that carry the key; none where there is none. */
export function authorization() {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Calls `entered` after each key that is given. */
export function followKey(entered) {
  $("unlock").addEventListener("submit", (event) => {
    event.preventDefault();
    keep($("key").value.trim());
    $("key").value = ""; // the page shows it no longer than it must
    entered();
  });
}

function stored() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return ""; // a browser may allow no storage; then the key lasts as long as the page
  }
}

function keep(given) {
  key = given;
  try {
    sessionStorage.setItem(NAME, given);
  } catch {
    // as above
  }
}
