import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Menu } from "lucide-react";
import { useState } from "react";
import { Dialog } from "react-aria-components/Dialog";
import { Modal, ModalOverlay } from "react-aria-components/Modal";
import { companies } from "../api/queries";
import { n, text } from "../text";
import { Button } from "../ui/Button";
import { type Entry, MENU } from "./menu";

/** The company's screens: words and icons, icons alone on a small screen, behind a button on a telephone. */
export function Side({ company, onGo }: { company: string; onGo?: () => void }) {
  const role = useQuery(companies).data?.find((one) => one.company_id === company)?.role;
  return (
    <nav className="side" aria-label={text.nav.erp}>
      <Link
        to="/c/$company/employees"
        params={{ company }}
        search={{}}
        className="side-title"
        {...(onGo && { onClick: onGo })}
      >
        {text.nav.erp}
      </Link>
      {MENU.map(({ label, entries }) => {
        const open = entries.filter(({ only }) => only === undefined || only === role);
        if (open.length === 0) return null;
        return (
          <div key={label ?? ""} className="side-group">
            {label && <div className="side-label">{label}</div>}
            {open.map((entry) => (
              <Line key={entry.to} company={company} entry={entry} onGo={onGo} />
            ))}
          </div>
        );
      })}
    </nav>
  );
}

function Line({
  company,
  entry: { to, label, icon: Icon, waiting },
  onGo,
}: {
  company: string;
  entry: Entry;
  onGo: (() => void) | undefined;
}) {
  return (
    <Link
      to={to}
      params={{ company }}
      search={{}}
      className="side-link"
      activeProps={{ "aria-current": "page" }}
      activeOptions={{ includeSearch: false }}
      title={label}
      {...(onGo && { onClick: onGo })}
    >
      <Icon size={16} aria-hidden="true" />
      <span>{label}</span>
      {waiting && <Waiting company={company} query={waiting} />}
    </Link>
  );
}

function Waiting({ company, query }: { company: string; query: NonNullable<Entry["waiting"]> }) {
  const count = useQuery(query(company)).data ?? 0;
  return count > 0 && <span className="side-count loud">{n(count)}</span>;
}

/** On a telephone: the same from the left edge. */
export function SideDrawer({ company }: { company: string }) {
  const [open, setOpen] = useState(false);
  return (
    <span className="menu-button">
      <Button look="icon" aria-label={text.nav.menu} aria-expanded={open} onPress={() => setOpen(true)}>
        <Menu size={18} aria-hidden="true" />
      </Button>
      <ModalOverlay isOpen={open} isDismissable onOpenChange={setOpen} className="drawer">
        <Modal className="drawer-panel">
          <Dialog aria-label={text.nav.menu} className="dialog">
            <Side company={company} onGo={() => setOpen(false)} />
          </Dialog>
        </Modal>
      </ModalOverlay>
    </span>
  );
}
