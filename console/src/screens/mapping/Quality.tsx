import { useQuery } from "@tanstack/react-query";
import { matchReport } from "../../api/mapping";
import { useCompany } from "../../company";
import { percent } from "../../format";
import { words } from "./text";

const share = (value: number | null | undefined) => (value == null ? "–" : percent(value));

/** How good the automatic links are, by what people corrected and linked by hand afterwards. */
export function Quality() {
  const { id } = useCompany();
  const found = useQuery(matchReport(id)).data;
  if (!found || found.automatic + found.corrected === 0) return null;
  return (
    <p className="muted quality">
      {words.page.quality(found.automatic, found.corrected, share(found.precision), share(found.recall))}
    </p>
  );
}
