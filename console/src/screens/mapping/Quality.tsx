import { useQuery } from "@tanstack/react-query";
import { matchReport } from "../../api/mapping";
import { useCompany } from "../../company";
import { words } from "./text";

const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 2 });
const share = (value: number | null | undefined) => (value == null ? "–" : percent.format(value));

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
