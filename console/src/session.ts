const KEY = "muster.session";

/** Whether somebody signed in here and has not signed out, as far as this browser knows; the cookie itself is not for scripts. */
export const mayBeSignedIn = () => {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return true;
  }
};

export const rememberSession = (signedIn: boolean) => {
  try {
    if (signedIn) localStorage.setItem(KEY, "1");
    else localStorage.removeItem(KEY);
  } catch {
    // Storage is switched off: the server's answer decides.
  }
};

/** Tells when somebody signs out in another tab. */
export const watchSession = (onEnd: () => void) =>
  window.addEventListener("storage", (event) => {
    if (event.key === KEY && event.newValue === null) onEnd();
  });

const LAST = "muster.company";

/** The company that was worked in last, for the next start. */
export const rememberCompany = (id: string) => {
  try {
    localStorage.setItem(LAST, id);
  } catch {
    // Storage is switched off: the first company it is.
  }
};

export const lastCompany = () => {
  try {
    return localStorage.getItem(LAST);
  } catch {
    return null;
  }
};
