import { Eye, EyeOff } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import { Input, Label, Text, TextField } from "react-aria-components/TextField";
import { text } from "../text";
import { Button } from "./Button";
import "./Field.css";

interface EntryProps {
  label: string;
  name: string;
  value?: string;
  hint?: ReactNode;
  type?: "text" | "email";
  autoComplete?: string;
  autoFocus?: boolean;
  isReadOnly?: boolean;
  isRequired?: boolean;
  maxLength?: number;
}

/** One line to type. */
export function Entry({ label, hint, value, maxLength = 500, ...field }: EntryProps) {
  return (
    <TextField {...field} {...(value !== undefined && { defaultValue: value })} className="field">
      <Label>{label}</Label>
      <Input className="input" maxLength={maxLength} />
      {hint && (
        <Text slot="description" className="field-hint">
          {hint}
        </Text>
      )}
    </TextField>
  );
}

interface PasswordProps {
  label: string;
  name?: string;
  /** Whether it is chosen here, or the one that one has. */
  fresh?: boolean;
  autoFocus?: boolean;
}

/** A password, which can be looked at while it is typed. */
export function Password({ label, name = "password", fresh = false, autoFocus = false }: PasswordProps) {
  const [shown, setShown] = useState(false);
  return (
    <TextField
      name={name}
      type={shown ? "text" : "password"}
      autoComplete={fresh ? "new-password" : "current-password"}
      autoFocus={autoFocus}
      isRequired
      className="field"
    >
      <Label>{label}</Label>
      <div className="password">
        <Input className="input" maxLength={500} />
        <Button
          look="icon"
          aria-label={text.fields.look}
          aria-pressed={shown}
          onPress={() => setShown(!shown)}
        >
          {shown ? <EyeOff size={16} aria-hidden="true" /> : <Eye size={16} aria-hidden="true" />}
        </Button>
      </div>
    </TextField>
  );
}

interface SelectProps<T extends string> {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
  /** Whether the label stands above it; else only assistive technology reads it. */
  shown?: boolean;
}

/** One of a few. */
export function Select<T extends string>({ label, value, options, onChange, shown = false }: SelectProps<T>) {
  const id = useId();
  const select = (
    <select
      id={id}
      className="select"
      {...(!shown && { "aria-label": label })}
      value={value}
      onChange={(event) => onChange(event.target.value as T)}
    >
      {options.map(([id, words]) => (
        <option key={id} value={id}>
          {words}
        </option>
      ))}
    </select>
  );
  if (!shown) return select;
  return (
    <div className="field narrow">
      <label htmlFor={id}>{label}</label>
      {select}
    </div>
  );
}
