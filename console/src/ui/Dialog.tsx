import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Dialog as AriaDialog, Heading } from "react-aria-components/Dialog";
import { Modal as AriaModal, ModalOverlay } from "react-aria-components/Modal";
import { text } from "../text";
import { Button } from "./Button";
import "./Dialog.css";

interface DialogProps {
  title: string;
  subtitle?: ReactNode;
  /** `side` stands at the right edge, over the whole height. */
  size?: "small" | "large" | "wide" | "side";
  /** Buttons in the head, before the cross. */
  actions?: ReactNode;
  role?: "dialog" | "alertdialog";
  onClose: () => void;
  footer?: ReactNode;
  children: ReactNode;
}

/** A dialog that is open while it is rendered. */
export function Dialog({
  title,
  subtitle,
  size = "large",
  role = "dialog",
  actions,
  onClose,
  footer,
  children,
}: DialogProps) {
  return (
    <ModalOverlay
      isOpen
      isDismissable
      onOpenChange={(open) => open || onClose()}
      className={size === "side" ? "overlay at-side" : "overlay"}
    >
      <AriaModal className={size === "side" ? "modal side-panel" : `modal ${size}`}>
        <AriaDialog role={role} className="dialog">
          <header className="dialog-head">
            <div className="dialog-titles">
              <Heading slot="title" className="dialog-title">
                {title}
              </Heading>
              {subtitle && <div className="dialog-subtitle">{subtitle}</div>}
            </div>
            {actions}
            <Button look="icon" aria-label={text.actions.close} onPress={onClose}>
              <X size={18} aria-hidden="true" />
            </Button>
          </header>
          {children}
          {footer && <footer className="dialog-foot">{footer}</footer>}
        </AriaDialog>
      </AriaModal>
    </ModalOverlay>
  );
}
