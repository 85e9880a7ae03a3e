import type { ReactNode, Ref } from "react";
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from "react-aria-components/Button";
import "./Button.css";

interface ButtonProps extends Omit<AriaButtonProps, "className" | "children"> {
  /** `text` looks like a link; `icon` holds one icon and needs an `aria-label`. */
  look?: "primary" | "plain" | "quiet" | "text" | "icon";
  small?: boolean;
  /** Red words, for what cannot be taken back; amber fill, for an icon that waits for somebody. */
  tone?: "danger" | "loud" | undefined;
  ref?: Ref<HTMLButtonElement>;
  children: ReactNode;
}

export function Button({ look = "plain", small = false, tone, ...props }: ButtonProps) {
  return (
    <AriaButton {...props} className={["button", look, small && "small", tone].filter(Boolean).join(" ")} />
  );
}
