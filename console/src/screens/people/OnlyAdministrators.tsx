import type { ReactNode } from "react";
import { useCompany } from "../../company";
import { Page } from "../../ui/Page";
import { State } from "../../ui/State";
import { words } from "./text";

/** A page for administrators alone; others learn whom to ask. */
export function OnlyAdministrators({ title, children }: { title: string; children: ReactNode }) {
  const { view } = useCompany();
  if (view.role === "admin") return children;
  return (
    <Page title={title}>
      <State title={words.notAdmin} fix={words.notAdminFix} />
    </Page>
  );
}
