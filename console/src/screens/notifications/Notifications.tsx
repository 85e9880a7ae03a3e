import { useQuery } from "@tanstack/react-query";
import { useCompany } from "../../company";
import { text } from "../../text";
import { Page } from "../../ui/Page";
import { Spinner, State } from "../../ui/State";
import { Channels } from "./Channels";
import { notices } from "./data";
import { Mine } from "./Mine";
import { words } from "./text";

/** What one is told when something needs a person; for administrators, also the company's channels. */
export function Notifications() {
  const { id, view } = useCompany();
  const found = useQuery(notices(id));
  return (
    <Page title={words.title} lead={words.lead}>
      {found.isPending && <Spinner />}
      {found.isError && <State alert title={text.errors.title} fix={found.error.message} />}
      {found.data?.mine && <Mine key={id} view={found.data} mine={found.data.mine} />}
      {found.data && view.role === "admin" && <Channels kinds={found.data.kinds} />}
    </Page>
  );
}
