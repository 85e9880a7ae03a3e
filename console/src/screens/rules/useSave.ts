import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ApiError } from "../../api/client";
import { useCompany } from "../../company";
import { text } from "../../text";
import { notice } from "../../ui/Notice";
import { type Draft, rulesOf, saveRules } from "./data";
import { words } from "./text";

/** Saves a draft that was made from this version, and says so. */
export function useSave(draft: Draft, version: number, onDone?: () => void) {
  const { id } = useCompany();
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => saveRules(id, draft, version),
    onSuccess: (view) => {
      notice.good(words.trial.saved(view.version));
      onDone?.();
      void client.invalidateQueries({ queryKey: rulesOf(id).queryKey });
      void client.invalidateQueries({ queryKey: ["companies"] });
    },
    onError: (problem: ApiError) => notice.bad(text.errors.message(problem.message)),
  });
}
