import { useQueryClient } from "@tanstack/react-query";
import { api, ok } from "../../api/client";
import type { components } from "../../api/schema";
import { type Formats as Chosen, n, setFormats, when } from "../../format";
import { text } from "../../text";
import { Select } from "../../ui/Fields";
import { notice } from "../../ui/Notice";
import { Section } from "../../ui/Section";
import { LANGUAGES, languageName, words, zones } from "./text";

/** The time zone, and the language whose formats times and numbers have. */
export function Formats({ mine }: { mine: components["schemas"]["Me"] }) {
  const client = useQueryClient();
  const time_zone = mine.time_zone ?? "";
  const language = mine.language ?? "";
  const browser = new Intl.DateTimeFormat().resolvedOptions();

  async function save(chosen: Chosen) {
    try {
      await ok(api.PUT("/v1/me/formats", { body: chosen }));
      setFormats(chosen); // first: with the query's data the page shows its times and numbers again
      client.setQueryData(["me"], { ...mine, ...chosen });
      notice.good(words.saved);
    } catch (error) {
      notice.bad(text.errors.says(error as { kind: string; message: string }));
    }
  }

  const known = zones();
  const listed = known.includes(time_zone) || !time_zone ? known : [time_zone, ...known];
  return (
    <Section title={words.formats} lead={words.formatsLead}>
      <div className="form-row">
        <Select
          shown
          label={words.zone}
          value={time_zone}
          options={[
            ["", words.browserZone(browser.timeZone)],
            ...listed.map((zone) => [zone, zone.replaceAll("_", " ")] as const),
          ]}
          onChange={(zone) => void save({ time_zone: zone, language })}
        />
        <Select
          shown
          label={words.language}
          value={language}
          options={[
            ["", words.browserLanguage(languageName(browser.locale))],
            ...LANGUAGES.map((one) => [one, languageName(one)] as const),
          ]}
          onChange={(one) => void save({ time_zone, language: one })}
        />
      </div>
      <p className="muted">{words.example(when(new Date().toISOString()), n(1000.5))}</p>
    </Section>
  );
}
