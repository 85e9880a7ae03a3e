import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Settings2, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Dialog, DialogTrigger } from "react-aria-components/Dialog";
import { Form } from "react-aria-components/Form";
import { Popover } from "react-aria-components/Popover";
import { Input, Label, TextField } from "react-aria-components/TextField";
import { type ApiError, api, ok, type SavedView } from "../../api/client";
import type { Filter } from "../../api/queries";
import { useCompany } from "../../company";
import { newId } from "../../key";
import type { EmployeesSearch } from "../../search";
import { text } from "../../text";
import { Box } from "../../ui/Box";
import { Button } from "../../ui/Button";
import { notice } from "../../ui/Notice";
import { HIDEABLE, setLook, useLook } from "./look";
import "../../ui/Field.css";
import "./ViewMenu.css";

interface ViewMenuProps {
  filter: Filter;
  sort: string;
  onFilter: (what: Partial<EmployeesSearch>) => void;
}

const savedViews = (company: string) =>
  queryOptions({
    queryKey: ["saved-views", company],
    queryFn: () => ok(api.GET("/v1/companies/{company}/saved-views", { params: { path: { company } } })),
  });
const failed = (error: ApiError) => notice.bad(text.errors.says(error));

/** How the list looks, and the looks that a person keeps. */
export function ViewMenu(props: ViewMenuProps) {
  return (
    <DialogTrigger>
      <Button look="quiet" small>
        <Settings2 size={16} aria-hidden="true" />
        {text.views.button}
      </Button>
      <Popover className="popover" placement="bottom end" offset={6}>
        <Dialog aria-label={text.views.title} className="view-menu">
          {({ close }) => (
            <>
              <Saved {...props} onDone={close} />
              <LookOptions />
            </>
          )}
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

function LookOptions() {
  const look = useLook();
  const words = text.views;
  return (
    <>
      <fieldset className="view-part">
        <legend>{words.columns}</legend>
        {HIDEABLE.map((column) => (
          <Box
            key={column}
            isSelected={!look.hidden.includes(column)}
            onChange={(shown) =>
              setLook({
                hidden: shown
                  ? look.hidden.filter((one) => one !== column)
                  : HIDEABLE.filter((one) => one === column || look.hidden.includes(one)),
              })
            }
          >
            {words.column[column]}
          </Box>
        ))}
      </fieldset>
      <div className="view-part">
        <Box
          isSelected={look.density === "compact"}
          onChange={(compact) => setLook({ density: compact ? "compact" : "comfortable" })}
        >
          {words.compact}
        </Box>
      </div>
    </>
  );
}

function Saved({ filter, sort, onFilter, onDone }: ViewMenuProps & { onDone: () => void }) {
  const { id } = useCompany();
  const client = useQueryClient();
  const look = useLook();
  const views = useQuery(savedViews(id)).data ?? [];
  const [name, setName] = useState("");
  const words = text.views;
  const again = () => client.invalidateQueries({ queryKey: ["saved-views", id] });
  const keep = useMutation({
    mutationFn: () => {
      const same = views.find((one) => one.name === name.trim());
      const view = same?.view_id ?? newId();
      return ok(
        api.PUT("/v1/companies/{company}/saved-views/{view}", {
          params: { path: { company: id, view } },
          body: { name: name.trim(), status: [...filter.status], q: filter.q, sort, ...look },
        }),
      );
    },
    onSuccess: (view) => {
      setName("");
      notice.good(words.kept(view.name));
      void again();
    },
    onError: failed,
  });
  const drop = useMutation({
    mutationFn: (view: SavedView) =>
      ok(
        api.DELETE("/v1/companies/{company}/saved-views/{view}", {
          params: { path: { company: id, view: view.view_id } },
        }),
      ),
    onSettled: again,
    onError: failed,
  });
  const show = (view: SavedView) => {
    setLook({ density: view.density, hidden: view.hidden });
    onFilter({
      status: view.status.length > 0 ? [...view.status] : undefined,
      q: view.q || undefined,
      sort: view.sort === "number" ? undefined : view.sort,
    });
    onDone();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() && !keep.isPending) keep.mutate();
  };
  return (
    <div className="view-part">
      <h2 className="label">{words.saved}</h2>
      {views.length === 0 && <p className="muted view-none">{words.none}</p>}
      <ul>
        {views.map((view) => (
          <li key={view.view_id} className="view-line">
            <Button look="quiet" onPress={() => show(view)}>
              <span className="cut">{view.name}</span>
            </Button>
            <Button look="icon" small aria-label={words.drop(view.name)} onPress={() => drop.mutate(view)}>
              <Trash2 size={16} aria-hidden="true" />
            </Button>
          </li>
        ))}
      </ul>
      <Form className="view-new" onSubmit={submit}>
        <TextField className="field" value={name} onChange={setName} maxLength={60}>
          <Label>{words.name}</Label>
          <Input className="input" />
        </TextField>
        <Button type="submit" isDisabled={name.trim() === ""} isPending={keep.isPending}>
          {words.keep}
        </Button>
      </Form>
    </div>
  );
}
