import { useEffect, useRef, useState } from "react";
import { flushSync } from "react-dom";

import { validateCustomer } from "../api/outcomes";
import { idOf } from "./Field";
import { errorsOf, type FieldErrors, type FieldName, FIELDS, inputOf, isBlank, type Values } from "./fields";

const PAUSE_MILLISECONDS = 800;

interface Options {
  initial: Values;
  /** The id of the customer to change. */
  id?: string;
  onEdit: (values: Values) => void;
}

/**
 * The texts of a form and their errors.
 *
 * While a person types, the rules check the field: at once if it shows an error, so that the error goes
 * away, and otherwise after a pause. When the person leaves the field, the server checks it.
 */
export function useForm({ initial: given, id, onEdit }: Options) {
  // Later values of this option have no effect.
  const [initial] = useState(given);
  const [values, setValues] = useState(initial);
  const [errors, setErrors] = useState<FieldErrors>({});
  const latest = useRef(initial);
  /** The texts that the server has checked since they were edited. */
  const checked = useRef<Partial<Values>>({});
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);

  function edit(name: FieldName, text: string) {
    latest.current = { ...latest.current, [name]: text };
    setValues(latest.current);
    onEdit(latest.current);
    delete checked.current[name];
    clearTimeout(timer.current);
    if (errors[name]) check(name);
    else timer.current = setTimeout(() => check(name), PAUSE_MILLISECONDS);
  }

  function check(name: FieldName) {
    const found = errorsOf(inputOf(latest.current))[name];
    // Only sending the form asks for a text that is missing.
    const isMissing = isBlank(latest.current[name]) && isBlank(initial[name]);
    setErrors((before) => ({ ...before, [name]: isMissing ? undefined : found }));
  }

  async function leave(name: FieldName) {
    clearTimeout(timer.current);
    const text = latest.current[name];
    if (text === (checked.current[name] ?? initial[name])) return;
    check(name);
    if (isBlank(text)) return;
    checked.current[name] = text;
    try {
      // Without the other fields: the server looks up the address only if all of its input is valid.
      const found = await validateCustomer({ email: latest.current.email, [name]: text }, id);
      if (latest.current[name] !== text) return;
      setErrors((before) => ({ ...before, [name]: found[name] }));
    } catch {
      // The server checks the field again when the form is sent.
      delete checked.current[name];
    }
  }

  /** Shows errors, and moves the focus to the first invalid field. */
  function reject(found: FieldErrors) {
    clearTimeout(timer.current);
    // A screen reader reads out the error with its field, so it must be there before the focus.
    flushSync(() => setErrors(found));
    const first = FIELDS.find((name) => found[name]);
    if (first) document.getElementById(idOf(first))?.focus();
  }

  return { values, errors, edit, leave, reject };
}
