import type { ReactNode } from "react";
import { Tabs as AriaTabs, Tab, TabList, TabPanel } from "react-aria-components/Tabs";
import { n } from "../text";
import "./Status.css";
import "./Tabs.css";

interface TabSpec {
  id: string;
  label: string;
  count?: number | undefined;
  /** Whether the count waits for somebody. */
  loud?: boolean;
  content: ReactNode;
}

interface TabsProps {
  label: string;
  tabs: readonly TabSpec[];
  /** Given both, the address holds which one is open. */
  open?: string;
  onOpen?: (id: string) => void;
}

export function Tabs({ label, tabs, open, onOpen }: TabsProps) {
  const controlled = open === undefined ? {} : { selectedKey: open };
  return (
    <AriaTabs className="tabs" {...controlled} onSelectionChange={(key) => onOpen?.(String(key))}>
      <TabList aria-label={label} className="tab-list">
        {tabs.map(({ id, label, count, loud }) => (
          <Tab key={id} id={id} className="tab">
            {label}
            {count !== undefined && (
              <span className={loud && count > 0 ? "tag needs_action" : "count"}>{n(count)}</span>
            )}
          </Tab>
        ))}
      </TabList>
      {tabs.map(({ id, content }) => (
        <TabPanel key={id} id={id} className="tab-panel">
          {content}
        </TabPanel>
      ))}
    </AriaTabs>
  );
}
