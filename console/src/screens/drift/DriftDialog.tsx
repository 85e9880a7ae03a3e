import { useMutation, useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Label, Radio, RadioGroup } from "react-aria-components/RadioGroup";
import type { ApiError, DriftedValue, RecordView } from "../../api/client";
import { decideDrift, drift } from "../../api/queries";
import { useCompany } from "../../company";
import { when } from "../../format";
import { newKey } from "../../key";
import { STATUS, text } from "../../text";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { notice } from "../../ui/Notice";
import { Spinner } from "../../ui/State";
import { Value } from "../history/Value";
import { words } from "./text";
import "./Drift.css";

type Choice = "adopt" | "overwrite" | "let_stand";

interface DriftDialogProps {
  row: RecordView;
  name: string;
  onHistory: () => void;
  onClose: () => void;
}

/** What was changed at the destination, field by field, and what becomes of it. */
export default function DriftDialog({ row, name, onHistory, onClose }: DriftDialogProps) {
  const { id, route, mayChange } = useCompany();
  const shown = useQuery(drift(id, row));
  const [chosen, setChosen] = useState<Record<string, Choice>>({});
  const key = useRef(newKey());
  const fields = Object.entries(shown.data?.fields ?? {});
  const named = (choice: Choice) => fields.map(([field]) => field).filter((f) => chosen[f] === choice);
  const save = useMutation({
    mutationFn: () => {
      const { source_rev = 0, destination_rev = 0 } = shown.data ?? {};
      const adopt = named("adopt");
      const overwrite = named("overwrite");
      const body = { source_rev, destination_rev, adopt, overwrite, let_stand: named("let_stand") };
      return decideDrift(id, row.record_id, body, key.current);
    },
    onSuccess: ({ run_id }) => {
      notice.good(run_id ? words.done(name) : words.stands(name));
      onClose();
    },
    onError: (error: ApiError) => notice.bad(text.errors.message(error.message)),
  });
  const changed = shown.data?.changed_at ?? shown.data?.seen_at;
  const whole = fields.length > 0 && fields.every(([field]) => chosen[field]);
  return (
    <Dialog
      size="small"
      title={name}
      subtitle={<span className="dotted needs_action why-status">{STATUS[row.status]}</span>}
      onClose={onClose}
      footer={
        <>
          <Button onPress={onHistory}>{text.actions.history}</Button>
          {mayChange && (
            <Button look="primary" isDisabled={!whole || save.isPending} onPress={() => save.mutate()}>
              {words.save}
            </Button>
          )}
        </>
      }
    >
      <div className="dialog-body drift">
        <p>{words.lead(route?.destinationLong ?? "", changed ? when(changed) : null)}</p>
        {shown.isPending && <Spinner />}
        {shown.isError && <p className="fix">{text.errors.message(shown.error.message)}</p>}
        {shown.isSuccess && fields.length === 0 && <p>{words.none}</p>}
        {fields.map(([field, values]) => (
          <Field
            key={field}
            field={field}
            values={values}
            choice={chosen[field] ?? null}
            onChoose={mayChange ? (choice) => setChosen({ ...chosen, [field]: choice }) : null}
          />
        ))}
      </div>
    </Dialog>
  );
}

interface FieldProps {
  field: string;
  values: DriftedValue;
  choice: Choice | null;
  onChoose: ((choice: Choice) => void) | null;
}

function Field({ field, values, choice, onChoose }: FieldProps) {
  const { route } = useCompany();
  return (
    <RadioGroup
      className="drift-field"
      value={choice}
      isDisabled={onChoose === null}
      onChange={(value) => onChoose?.(value as Choice)}
    >
      <Label className="label">{text.history.field(field)}</Label>
      <Radio value="adopt" isDisabled={!values.may_adopt} className="drift-choice">
        <i className="mark" aria-hidden="true" />
        <span>
          {words.adopt(route?.source ?? "")}: <Value value={values.there} />
        </span>
        {!values.may_adopt && <small className="muted">{values.why_not}</small>}
      </Radio>
      <Radio value="overwrite" className="drift-choice">
        <i className="mark" aria-hidden="true" />
        <span>
          {words.overwrite(route?.destination ?? "")}: <Value value={values.wanted} />
        </span>
      </Radio>
      <Radio value="let_stand" className="drift-choice">
        <i className="mark" aria-hidden="true" />
        <span>
          {words.stand} <span className="muted">{words.standHint}</span>
        </span>
      </Radio>
    </RadioGroup>
  );
}
