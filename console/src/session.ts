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
