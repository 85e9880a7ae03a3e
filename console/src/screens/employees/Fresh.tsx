import { useQuery } from "@tanstack/react-query";
import { Focusable } from "react-aria-components/Tooltip";
import { freshness } from "../../api/queries";
import { useCompany } from "../../company";
import { shortly } from "../../format";
import { text } from "../../text";
import { Tooltip } from "../../ui/Tooltip";

const SEEN_WITHIN_SECONDS = 300;

/** How soon changes of either system are seen; loud only when that is later than it should be. */
export function Fresh() {
  const { id, view } = useCompany();
  const found = useQuery(freshness(id)).data;
  if (!found || found.within_seconds === null || found.looked_at === null) return null;
  const words = text.fresh;
  const late = found.within_seconds > SEEN_WITHIN_SECONDS;
  const called = (account: string) => {
    const system = view.accounts.find((one) => one.account_id === account)?.system;
    return view.systems.find((one) => one.system === system)?.label ?? account;
  };
  const each = found.accounts.map((one) => (
    <span key={one.account_id} className="fresh-line">
      {words.account(
        called(one.account_id),
        one.looked_at ? shortly(one.looked_at) : null,
        one.found_by_sweep,
      )}
    </span>
  ));
  return (
    <>
      <span aria-hidden="true">·</span>
      <Tooltip text={each}>
        <Focusable>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: its tooltip says more, also to the keyboard */}
          <span role="note" tabIndex={0} className={late ? "tone needs_action" : undefined}>
            {words.within(Math.ceil(found.within_seconds / 60))}
          </span>
        </Focusable>
      </Tooltip>
    </>
  );
}
