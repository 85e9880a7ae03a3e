import type { Status } from "../../api/client";
import { useCompany } from "../../company";
import { STATUS, text } from "../../text";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Spinner } from "../../ui/State";
import type { Fixed } from "./Tasks";

interface ConfirmProps {
  fixed: Fixed;
  busy: boolean;
  onYes: () => void;
  onClose: () => void;
}

const PUSHED: readonly Status[] = ["needs_sync", "failed"];

/** Before many are written: how many, which, and who is left out. */
export default function ConfirmSync({ fixed, busy, onYes, onClose }: ConfirmProps) {
  const { route } = useCompany();
  const words = text.sync.confirm;
  const skipped = (Object.entries(fixed.counts) as [Status, number][]).filter(
    ([status, count]) => count > 0 && !PUSHED.includes(status),
  );
  const left = skipped.reduce((sum, [, count]) => sum + count, 0);
  const goes = fixed.count - left;
  const filters = fixed.filter
    ? [
        ...fixed.filter.status.map((status) => STATUS[status]),
        ...(fixed.filter.q ? [text.sync.search(fixed.filter.q)] : []),
      ]
    : null;
  return (
    <Dialog
      role="alertdialog"
      size="small"
      title={words.title(goes, route?.destinationLong ?? "")}
      onClose={onClose}
      footer={
        <>
          <Button onPress={onClose}>{words.cancel}</Button>
          <Button look="primary" isDisabled={goes === 0} isPending={busy} onPress={onYes} autoFocus>
            {busy && <Spinner />}
            {text.sync.button(route?.destination ?? "")}
          </Button>
        </>
      }
    >
      <div className="dialog-body">
        {filters && <p>{filters.length > 0 ? words.matching(filters.join(", ")) : words.everything}</p>}
        <p>
          <strong>{words.goes(goes)}</strong>
        </p>
        {left > 0 && (
          <>
            <p>{words.skipped(left)}</p>
            <ul className="skips">
              {skipped.map(([status, count]) => (
                <li key={status} className={`dotted ${status}`}>
                  {words.skip(count, STATUS[status])}
                </li>
              ))}
            </ul>
          </>
        )}
        <p className="muted">{words.fixed}</p>
      </div>
    </Dialog>
  );
}
