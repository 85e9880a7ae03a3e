import type { ReactNode } from "react";
import { text } from "../text";
import { Button } from "./Button";
import { Dialog } from "./Dialog";

interface SureProps {
  title: string;
  /** What it means. */
  children: ReactNode;
  /** What the button does, in a word. */
  action: string;
  onSure: () => void;
  onClose: () => void;
}

/** Asks before something that cannot be taken back. */
export function Sure({ title, children, action, onSure, onClose }: SureProps) {
  return (
    <Dialog
      role="alertdialog"
      size="small"
      title={title}
      onClose={onClose}
      footer={
        <>
          <Button autoFocus onPress={onClose}>
            {text.fields.cancel}
          </Button>
          <Button
            tone="danger"
            onPress={() => {
              onClose();
              onSure();
            }}
          >
            {action}
          </Button>
        </>
      }
    >
      <div className="dialog-text">{children}</div>
    </Dialog>
  );
}
