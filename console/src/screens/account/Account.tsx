import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { me } from "../../api/queries";
import { loadFont } from "../../font";
import { Page } from "../../ui/Page";
import { Crash } from "../Root";
import { Top } from "../Top";
import { Companies } from "./Companies";
import { Formats } from "./Formats";
import { PasswordChange } from "./PasswordChange";
import { Sessions } from "./Sessions";
import { words } from "./text";
import "../CompanyFrame.css";

/** What a person sets for themselves: formats, password, sessions, and the companies they belong to. */
export function Account() {
  const found = useQuery(me);
  useEffect(() => {
    if (found.data) loadFont();
  }, [found.data]);
  if (found.isError) return <Crash error={found.error} />;
  return (
    <div className="frame lone-frame">
      <Top />
      <main className="main" id="main" tabIndex={-1}>
        {found.data && (
          <Page title={words.title} lead={words.lead(found.data.email)}>
            <Formats mine={found.data} />
            <PasswordChange email={found.data.email} />
            <Sessions />
            <Companies actor={found.data.actor} />
          </Page>
        )}
      </main>
    </div>
  );
}
