import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import {
  Building2,
  ChevronDown,
  CircleUserRound,
  LayoutGrid,
  LogOut,
  Monitor,
  Moon,
  RefreshCcwDot,
  ShieldCheck,
  Sun,
  UserRoundCog,
} from "lucide-react";
import type { ReactNode } from "react";
import { api, ok } from "../api/client";
import { companies, me } from "../api/queries";
import { type LinkState, routeOf, useLink } from "../company";
import { rememberSession } from "../session";
import { text } from "../text";
import { setTheme, type Theme, useTheme } from "../theme";
import { Button } from "../ui/Button";
import { Menu } from "../ui/Menu";
import { notice } from "../ui/Notice";
import { Tooltip } from "../ui/Tooltip";
import { HelpButton } from "./HelpButton";
import { Mark } from "./Mark";
import { SideDrawer } from "./Side";
import "./Top.css";

/** The header: where one is, whose data it is, and the way elsewhere. */
export function Top({ company, link }: { company?: string; link?: LinkState }) {
  return (
    <header className="top">
      <a href="#main" className="skip">
        {text.nav.skip}
      </a>
      {company && <SideDrawer company={company} />}
      <Link to="/" className="brand" aria-label={text.product}>
        <Mark />
        <span>{text.product}</span>
      </Link>
      <nav className="top-nav" aria-label={text.nav.sections}>
        <Link to="/portfolio" className="top-link" activeProps={{ "aria-current": "page" }}>
          {text.nav.portfolio}
        </Link>
        {company ? (
          <Link
            to="/c/$company"
            params={{ company }}
            className="top-link"
            activeProps={{ "aria-current": "true" }}
            activeOptions={{ includeSearch: false }}
          >
            {text.nav.integration}
          </Link>
        ) : (
          <Link to="/" className="top-link" activeOptions={{ exact: true }}>
            {text.nav.integration}
          </Link>
        )}
      </nav>
      <div className="top-space" />
      {link && <LinkLabel link={link} />}
      {company && <CompanyMenu company={company} />}
      {company && <HelpButton company={company} />}
      <ThemeMenu />
      <AccountMenu />
      <Launcher />
    </header>
  );
}

function LinkLabel({ link }: { link: LinkState }) {
  const state = useLink(link);
  return (
    <Tooltip text={text.link.explain[state]}>
      <Button look="quiet" aria-label={`${text.link[state]} ${text.link.explain[state]}`}>
        <span className={`link-dot ${state}`} />
        <span className="wide" role="status">
          {text.link[state]}
        </span>
      </Button>
    </Tooltip>
  );
}

function CompanyMenu({ company }: { company: string }) {
  const known = useQuery(companies).data ?? [];
  const navigate = useNavigate();
  const name = known.find((one) => one.company_id === company)?.name ?? "";
  return (
    <Menu
      label={text.nav.company}
      chosen={company}
      trigger={
        <Button look="quiet" aria-label={`${text.nav.company}: ${name}`}>
          <Building2 size={16} aria-hidden="true" />
          <span className="company-name cut">{name}</span>
          <ChevronDown size={14} aria-hidden="true" />
        </Button>
      }
      items={known.map((one) => {
        const route = routeOf(one);
        const hint = route
          ? text.employees.route(route.sourceLong, route.destinationLong)
          : text.employees.noRoute;
        return { id: one.company_id, label: one.name, hint };
      })}
      onAction={(id) => void navigate({ to: "/c/$company/employees", params: { company: id }, search: {} })}
    />
  );
}

const THEMES: Record<Theme, ReactNode> = {
  system: <Monitor size={16} aria-hidden="true" />,
  light: <Sun size={16} aria-hidden="true" />,
  dark: <Moon size={16} aria-hidden="true" />,
};

function ThemeMenu() {
  const theme = useTheme();
  return (
    <Menu
      label={text.nav.theme}
      chosen={theme}
      trigger={
        <Button look="icon" aria-label={`${text.nav.theme}: ${text.nav[theme]}`}>
          {THEMES[theme]}
        </Button>
      }
      items={(["system", "light", "dark"] as const).map((id) => ({
        id,
        label: text.nav[id],
        icon: THEMES[id],
      }))}
      onAction={(id) => setTheme(id as Theme)}
    />
  );
}

function AccountMenu() {
  const person = useQuery(me).data;
  const client = useQueryClient();
  const navigate = useNavigate();

  async function signOut() {
    try {
      await ok(api.DELETE("/v1/session"));
    } catch {
      return notice.bad(text.errors.offline);
    }
    rememberSession(false);
    await navigate({ to: "/sign-in" });
    client.clear();
  }

  return (
    <Menu
      label={text.nav.account}
      trigger={
        <Button look="icon" aria-label={text.nav.account}>
          <CircleUserRound size={18} aria-hidden="true" />
        </Button>
      }
      header={
        <>
          <strong>{person?.name}</strong>
          <span>{person?.email}</span>
        </>
      }
      items={[
        { id: "/account", label: text.nav.yourAccount, icon: <UserRoundCog size={16} aria-hidden="true" /> },
        {
          id: "/account/second-factor",
          label: text.nav.secondFactor,
          icon: <ShieldCheck size={16} aria-hidden="true" />,
        },
        { id: "out", label: text.nav.signOut, icon: <LogOut size={16} aria-hidden="true" /> },
      ]}
      onAction={(id) => void (id === "out" ? signOut() : navigate({ to: id }))}
    />
  );
}

function Launcher() {
  const navigate = useNavigate();
  return (
    <Menu
      label={text.nav.launcher}
      trigger={
        <Button look="icon" aria-label={text.nav.launcher}>
          <LayoutGrid size={18} aria-hidden="true" />
        </Button>
      }
      items={[
        { id: "/portfolio", label: text.nav.portfolio, icon: <Building2 size={16} aria-hidden="true" /> },
        { id: "/", label: text.nav.erp, icon: <RefreshCcwDot size={16} aria-hidden="true" /> },
      ]}
      onAction={(to) => void navigate({ to })}
    />
  );
}
