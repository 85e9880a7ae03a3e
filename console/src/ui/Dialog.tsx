import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Dialog as AriaDialog, Heading } from "react-aria-components/Dialog";
import { Modal as AriaModal, ModalOverlay } from "react-aria-components/Modal";
import { text } from "../text";
import { Button } from "./Button";

interface DialogProps {
  title: string;
  subtitle?: ReactNode;
  size?: "small" | "large";
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
  onClose,
  footer,
  children,
}: DialogProps) {
  return (
    <ModalOverlay isOpen isDismissable onOpenChange={(open) => open || onClose()} className="overlay">
      <AriaModal className={`modal ${size}`}>
        <AriaDialog role={role} className="dialog">
          <header className="dialog-head">
            <div>
              <Heading slot="title" className="dialog-title">
                {title}
              </Heading>
              {subtitle && <div className="dialog-subtitle">{subtitle}</div>}
            </div>
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
