/** The fewest characters of a password. */
export const LEAST = 12;

export const words = {
  join: "Join a company",
  joinLead: (company: string, role: string) => `You are invited to ${company} as ${role}.`,
  hasAccount: "You have an account. Enter its password, or sign in first and open this link again.",
  yours: "You are signed in with this address.",
  newAccount: "Choose a name and a password of at least 12 characters.",
  name: "Your name",
  email: "E-mail address",
  password: "Password",
  joinButton: "Join",
  joined: (company: string) => `You have joined ${company}. Sign in.`,
  reset: "New password",
  resetLead: "Choose a password of at least 12 characters. You are signed out everywhere else.",
  resetButton: "Set the password",
  short: "Use at least 12 characters.",
  noName: "Enter your name.",
  done: "The password is set. Sign in with it.",
  toSignIn: "Go to sign-in",
};
