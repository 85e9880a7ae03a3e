import { useRef } from "react";
import { text } from "../text";
import { Button } from "./Button";
import { notice } from "./Notice";
import "./Field.css";
import "./Section.css";

/** Something to copy: a link, an address, or a secret that is shown this once. */
export function Once({ lead, label, value }: { lead?: string; label: string; value: string }) {
  const input = useRef<HTMLInputElement>(null);
  async function copy() {
    try {
      await navigator.clipboard.writeText(value);
      notice.good(text.fields.copied);
    } catch {
      input.current?.select();
    }
  }
  return (
    <div role={lead ? "status" : undefined}>
      {lead && <p>{lead}</p>}
      <div className="once">
        <input ref={input} className="input" readOnly aria-label={label} value={value} />
        <Button aria-label={text.fields.copyWhat(label)} onPress={() => void copy()}>
          {text.fields.copy}
        </Button>
      </div>
    </div>
  );
}
