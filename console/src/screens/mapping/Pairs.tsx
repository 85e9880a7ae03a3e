import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ArrowRight } from "lucide-react";
import type { ApiError } from "../../api/client";
import { type CaseView, decideMany, MAPPING_KINDS } from "../../api/mapping";
import { useCompany } from "../../company";
import { newKey } from "../../key";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { notice } from "../../ui/Notice";
import { Spinner } from "../../ui/State";
import { Meter } from "./Meter";
import { words } from "./text";

interface PairsProps {
  cases: readonly CaseView[];
  onDone: () => void;
  onClose: () => void;
}

/** A look at several pairs, before they are linked together. */
export default function Pairs({ cases, onDone, onClose }: PairsProps) {
  const { id: company } = useCompany();
  const client = useQueryClient();
  const page = words.page;
  const link = useMutation({
    mutationFn: () => {
      const pairs = cases.map((one) => ({
        record_id: one.record.record_id,
        destination_record_id: one.first?.record_id ?? null,
        link_rev: one.link_rev,
      }));
      return decideMany(company, { decision: "link", then_push: false, pairs }, newKey());
    },
    onSuccess: ({ accepted, conflicts }) => {
      const says = [
        words.done.many(accepted),
        conflicts.length > 0 && words.done.conflicts(conflicts.length),
      ];
      notice.good(says.filter(Boolean).join(" "));
      onDone();
    },
    onError: (error: ApiError) => notice.bad(text.errors.says(error)),
    onSettled: () => {
      for (const kind of MAPPING_KINDS) void client.invalidateQueries({ queryKey: [kind, company] });
    },
  });
  return (
    <Dialog
      role="alertdialog"
      title={page.pairs(cases.length)}
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose} autoFocus>
            {words.cancel}
          </Button>
          <Button look="primary" isPending={link.isPending} onPress={() => link.mutate()}>
            {link.isPending && <Spinner />}
            {page.link(cases.length)}
          </Button>
        </>
      }
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="dialog-scroll" tabIndex={0} aria-label={page.pairs(cases.length)}>
        <p className="muted">{page.pairsLead}</p>
        <ul className="pairs">
          {cases.map(({ record, first }) => (
            <li key={record.record_id}>
              <span>
                {record.name} <span className="muted num">{record.number}</span>
              </span>
              <ArrowRight size={14} aria-label="→" />
              <span>
                {first?.name} <span className="muted num">#{first?.remote_id}</span>
              </span>
              <Meter bits={first?.bits} />
            </li>
          ))}
        </ul>
      </section>
    </Dialog>
  );
}
