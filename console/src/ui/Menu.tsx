import { Check } from "lucide-react";
import type { ReactElement, ReactNode } from "react";
import { Menu as AriaMenu, MenuItem, MenuTrigger } from "react-aria-components/Menu";
import { Popover } from "react-aria-components/Popover";
import "./Menu.css";

export interface Item {
  id: string;
  label: string;
  hint?: string;
  icon?: ReactNode;
}

interface MenuProps {
  label: string;
  trigger: ReactElement;
  items: readonly Item[];
  /** With it, the menu chooses one of its items. */
  chosen?: string;
  onAction: (id: string) => void;
  header?: ReactNode;
  placement?: "bottom start" | "bottom end";
}

export function Menu({
  label,
  trigger,
  items,
  chosen,
  onAction,
  header,
  placement = "bottom end",
}: MenuProps) {
  const choice = chosen === undefined ? {} : { selectionMode: "single" as const, selectedKeys: [chosen] };
  return (
    <MenuTrigger>
      {trigger}
      <Popover className="popover" placement={placement} offset={6}>
        {header && <div className="menu-header">{header}</div>}
        <AriaMenu className="menu" aria-label={label} {...choice} onAction={(key) => onAction(String(key))}>
          {items.map((item) => (
            <MenuItem key={item.id} id={item.id} textValue={item.label} className="menu-item">
              {chosen !== undefined && <Check size={16} aria-hidden="true" className="menu-check" />}
              {item.icon}
              <span className="menu-text">
                <span>{item.label}</span>
                {item.hint && <small>{item.hint}</small>}
              </span>
            </MenuItem>
          ))}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}
