import type { RecordView } from "../../api/client";
import { useCompany } from "../../company";
import { STATUS, text } from "../../text";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import type { CellProps } from "./Grid";
import { useRetry } from "./useRetry";

interface WhatToDoProps {
  row: RecordView;
  name: string;
  onOpen: CellProps["onOpen"];
  onClose: () => void;
}

/** Why a record waits for a person, and what that person can do. */
export default function WhatToDo({ row, name, onOpen, onClose }: WhatToDoProps) {
  const { mayChange } = useCompany();
  const { ask } = useRetry(row);
  const mayRetry = mayChange && (row.status === "held" || row.destination_record_id !== null);
  const see = (view: "history" | "json") => {
    onClose();
    onOpen(row.record_id, view);
  };
  return (
    <Dialog
      size="small"
      title={name}
      subtitle={<span className={`dotted ${row.status} why-status`}>{STATUS[row.status]}</span>}
      onClose={onClose}
      footer={
        <>
          <Button onPress={() => see("history")}>{text.actions.history}</Button>
          <Button onPress={() => see("json")}>{text.actions.json}</Button>
          {mayRetry && (
            <Button
              look="primary"
              onPress={() => {
                ask();
                onClose();
              }}
            >
              {row.status === "held" ? text.status.approve : text.status.tryAgain}
            </Button>
          )}
        </>
      }
    >
      <div className="dialog-body">
        <p>{row.reason_text}</p>
        {row.fix && (
          <p className="fix">
            <span>{text.status.fix}</span>
            {row.fix}
          </p>
        )}
        {row.field && (
          <p className="fix">
            <span>{text.status.field}</span>
            {text.history.field(row.field)}
          </p>
        )}
      </div>
    </Dialog>
  );
}
