import { useMutation } from "@tanstack/react-query";
import { useRef } from "react";
import type { ApiError, RecordView } from "../../api/client";
import { retry } from "../../api/queries";
import { useCompany } from "../../company";
import { newKey } from "../../key";
import { text } from "../../text";
import { notice } from "../../ui/Notice";

/** Asks to push one record again, and whether that is under way until the row says more. */
export function useRetry(row: RecordView) {
  const { id: company } = useCompany();
  const asked = useRef<RecordView | null>(null);
  const again = useMutation({
    mutationFn: () => retry(company, row.record_id, newKey()),
    onError: (error: ApiError) => notice.bad(text.errors.message(error.message)),
  });
  const queued = again.isPending || (again.isSuccess && asked.current === row);
  const ask = () => {
    if (queued) return;
    asked.current = row;
    again.mutate();
  };
  return { queued, ask };
}
