import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { record as recordQuery } from "../../api/queries";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Dialog } from "../../ui/Dialog";
import type { HistoryFilter } from "../history/data";
import { Entries, Exports } from "../history/Entries";

/** What happened to one record, newest first. */
export default function History({ record, onClose }: { record: string; onClose: () => void }) {
  const { id } = useCompany();
  const shown = useQuery(recordQuery(id, record)).data;
  const [filter, setFilter] = useState<HistoryFilter>({});
  return (
    <Dialog
      title={text.actions.history}
      size="side"
      subtitle={shown ? [shown.name, shown.number].filter(Boolean).join(" · ") : " "}
      actions={<Exports record={record} filter={filter} />}
      onClose={onClose}
    >
      <Entries
        record={record}
        filter={filter}
        onFilter={(what) => setFilter((before) => ({ ...before, ...what }))}
      />
    </Dialog>
  );
}
