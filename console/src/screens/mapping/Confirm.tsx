import { type ReactNode, useState } from "react";
import { Input, Label, TextField } from "react-aria-components/TextField";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { words } from "./text";

interface ConfirmProps {
  title: string;
  yes: string;
  /** With a label, a reason must be given. */
  reason?: string;
  onYes: (reason: string) => void;
  onClose: () => void;
  children: ReactNode;
}

/** Asks once before a decision that names nobody, or that writes. The yes is never focused first. */
export function Confirm({ title, yes, reason, onYes, onClose, children }: ConfirmProps) {
  const [given, setGiven] = useState("");
  const [missing, setMissing] = useState(false);
  const answer = () => {
    if (reason && given.trim() === "") return setMissing(true);
    onYes(given.trim());
  };
  return (
    <Dialog
      role="alertdialog"
      size="small"
      title={title}
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose} autoFocus={!reason}>
            {words.cancel}
          </Button>
          <Button look="primary" onPress={answer}>
            {yes}
          </Button>
        </>
      }
    >
      <div className="dialog-body">
        {children}
        {reason && (
          <TextField
            className="field"
            value={given}
            onChange={setGiven}
            maxLength={300}
            isInvalid={missing}
            autoFocus
          >
            <Label>{reason}</Label>
            <Input className="input" />
            {missing && <span className="field-error">{words.reason.missing}</span>}
          </TextField>
        )}
      </div>
    </Dialog>
  );
}
