import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ApiError, RunView } from "../../api/client";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Button } from "../../ui/Button";
import { notice } from "../../ui/Notice";
import { cancelImport } from "./data";
import { words } from "./text";

/** Ends an import; what it has staged stays. */
export function CancelButton({ run }: { run: RunView }) {
  const { id, mayChange } = useCompany();
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => cancelImport(id, run.run_id),
    onSuccess: () => {
      notice.good(words.cancelled);
      void client.invalidateQueries({ queryKey: ["runs", id] });
    },
    onError: (error: ApiError) => notice.bad(text.errors.message(error.message)),
  });
  if (!mayChange || run.kind !== "import") return null;
  return (
    <Button small tone="danger" isPending={cancel.isPending} onPress={() => cancel.mutate()}>
      {words.cancel.import}
    </Button>
  );
}
