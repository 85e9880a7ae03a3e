import { lazy } from "react";
import type { RecordView } from "../../api/client";
import { useCompany } from "../../company";
import { when } from "../../format";
import type { View } from "../../search";
import { STATUS, text } from "../../text";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { answered } from "./answered";
import { isCase } from "./isCase";
import type { CellProps } from "./types";
import { useRetry } from "./useRetry";

const DriftDialog = lazy(() => import("../drift/DriftDialog"));

interface WhatToDoProps {
  row: RecordView;
  name: string;
  onOpen: CellProps["onOpen"];
  onClose: () => void;
}

/** Why a record waits for a person, and what that person can do. */
export default function WhatToDo({ row, name, onOpen, onClose }: WhatToDoProps) {
  const { mayChange, route } = useCompany();
  const { ask } = useRetry(row);
  const mayRetry = mayChange && (row.status === "held" || row.destination_record_id !== null);
  const see = (view: View) => {
    onClose();
    onOpen(row.record_id, view);
  };
  if (row.reason === "changed_at_destination")
    return <DriftDialog row={row} name={name} onHistory={() => see("history")} onClose={onClose} />;
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
          {isCase(row) && (
            <Button look="primary" onPress={() => see("mapping")}>
              {text.status.decide}
            </Button>
          )}
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
        {row.answer && (
          <p className="fix">
            <span>{text.status.answer}</span>
            {answered(route?.destinationLong ?? "", row.answer)}
          </p>
        )}
        {row.retry_at && <p>{text.status.retryAt(when(row.retry_at))}</p>}
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
