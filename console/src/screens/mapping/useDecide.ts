import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ApiError } from "../../api/client";
import { type DecisionInput, decide, MAPPING_KINDS } from "../../api/mapping";
import { useCompany } from "../../company";
import { newKey } from "../../key";
import { text } from "../../text";
import { type NoticeAction, notice } from "../../ui/Notice";
import { words } from "./text";

interface Asked {
  record: string;
  name: string;
  body: Omit<DecisionInput, "then_push"> & { then_push?: boolean };
  /** What to say once it is accepted. */
  says: string;
  actions?: readonly NoticeAction[];
}

/** Takes decisions about records, says so, and offers to take each back. */
export function useDecide() {
  const { id: company } = useCompany();
  const client = useQueryClient();
  const again = () =>
    Promise.all(MAPPING_KINDS.map((kind) => client.invalidateQueries({ queryKey: [kind, company] })));
  const take = useMutation({
    mutationFn: ({ record, body }: Asked) => decide(company, record, { then_push: false, ...body }, newKey()),
    onSuccess: (_, asked) => {
      const back = asked.body.decision === "undo" ? [] : [undoOf(asked)];
      notice.good(asked.says, [...back, ...(asked.actions ?? [])]);
      void again();
    },
    onError: (error: ApiError) => {
      notice.bad(error.more.linked_to ? words.takenMeanwhile : text.errors.says(error));
      void again();
    },
  });
  const undoOf = ({ record, name }: Asked): NoticeAction => ({
    label: words.undo,
    onPress: () => take.mutate({ record, name, body: { decision: "undo" }, says: words.done.undo(name) }),
  });
  return take;
}
