import type { ReactNode } from "react";
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from "react-aria-components/Button";

interface ButtonProps extends Omit<AriaButtonProps, "className" | "children"> {
  look?: "primary" | "plain" | "quiet" | "icon";
  children: ReactNode;
}

export function Button({ look = "plain", ...props }: ButtonProps) {
  return <AriaButton {...props} className={`button ${look}`} />;
}
