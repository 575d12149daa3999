(() => {
  "use strict";
  if (window.abgraph && window.abgraph.init) return;

  const ASSIGN =
    "mutation($i:[AssignInput!]!){assignBatch(input:$i){results{reason variant{name configOverrides content contents{content element{selectorType selectorValue}}} errors{code message}}}}";
  const ASSIGN_ALL =
    "mutation($i:AssignAllInput!){assignAll(input:$i){results{experiment reason variant{name configOverrides content contents{content element{selectorType selectorValue}}} errors{code message}}}}";
  const SEND = {
    convert:
      "mutation($i:[ConvertInput!]!){convertBatch(input:$i){results{errors{code message}}}}",
    track:
      "mutation($i:[TrackInput!]!){trackBatch(input:$i){results{errors{code message}}}}",
  };
  const ID = "abgraph:id";
  const QUEUE = "abgraph:queue:";
  const ASSIGNED = "abgraph:assigned:";
  const CONVERTED = "abgraph:converted:";
  const BYTES = 48e3; // keepalive allows 64 KiB

  const script = document.currentScript;
  const tab = uuid();
  const local = storage("localStorage");
  const session = storage("sessionStorage");
  const outside = new Map();
  const open = new Map();
  const flying = new Set();
  const asked = [];
  let options = {};
  let isOn = false;
  let shown = new Map(); // another one for another user
  let answering;
  let unanswered = 0; // events wait for the assignments that they need
  let queued = 1e6;
  let failures = 0;
  let most = 100;
  let timer = 0;
  let flushing = Promise.resolve();
  let waiting = flushing;
  let observer;
  let deadline = 0;
  let reveal = () => {};

  function storage(name) {
    const memory = new Map();
    const attempt = (use) => {
      try {
        return use(window[name]);
      } catch {} // refused, or full
    };
    return {
      get: (key) => memory.get(key) || attempt((real) => real.getItem(key)),
      set(key, value) {
        if (!attempt((real) => [real.setItem(key, value)])) memory.set(key, value);
      },
      remove(key) {
        memory.delete(key);
        attempt((real) => real.removeItem(key));
      },
      keys: (prefix) =>
        [...memory.keys(), ...(attempt(Object.keys) || [])]
          .filter((key) => key.startsWith(prefix))
          .sort(),
    };
  }

  function uuid() {
    if (crypto.randomUUID) return crypto.randomUUID();
    return crypto.getRandomValues(new Uint32Array(4)).join("-");
  }

  function warn(...words) {
    if (options.debug) console.warn("abgraph:", ...words);
  }

  function guarded(work) {
    try {
      return work();
    } catch (error) {
      warn(error);
    }
  }

  function limit() {
    const control = new AbortController();
    setTimeout(() => control.abort(), 15e3);
    return control.signal;
  }

  function user() {
    if (options.userId) return String(options.userId);
    if (!local.get(ID)) local.set(ID, uuid());
    return local.get(ID);
  }

  const parsed = (text) => guarded(() => JSON.parse(text));
  const asJson = (value) => (Object(value) === value ? value : undefined);
  const keyOf = (userId, experiment) => userId + "\n" + experiment;
  const sizeOf = (text) => new Blob([text]).size;

  async function post(query, i) {
    const answer = { status: 0, codes: [] };
    try {
      const body = JSON.stringify({ query, variables: { i } });
      const response = await fetch(options.url, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: "Bearer " + options.key },
        body,
        credentials: "omit",
        keepalive: sizeOf(body) < 6e4,
        signal: limit(),
      });
      answer.status = response.status;
      const { data, errors } = await response.json();
      if (errors) {
        answer.codes = errors.map(({ extensions }) => extensions.code);
        warn(errors);
      } else answer.results = Object.values(data)[0].results;
    } catch (error) {
      warn(error);
      if (answer.status < 400) answer.status = 0; // no answer of ours
    }
    return answer;
  }

  async function ask(query, input) {
    unanswered += 1;
    const { results = [] } = await post(query, input);
    unanswered -= 1;
    schedule();
    return results;
  }

  function learnt(experiment, result, userId, view) {
    const { variant, reason = null, errors = [] } = result || {};
    const { name = null, content = {}, configOverrides: config = {}, contents = [] } = variant || {};
    const [{ code: error = null } = {}] = errors;
    const elements = contents.map((one) => ({ ...one.element, content: one.content }));
    const answer = { experiment, variant: name, reason, content, config, elements, error };
    if (view === shown) {
      const key = keyOf(userId, experiment);
      if (/NEW|STICKY/.test(reason)) session.set(ASSIGNED + key, JSON.stringify(answer));
      if (reason === "NOT_IN_TRAFFIC") outside.set(key, answer);
    }
    return answer;
  }

  async function asking(input) {
    const place = asked.push(input) - 1;
    if (!place) answering = Promise.resolve().then(() => ask(ASSIGN, asked.splice(0)));
    return (await answering)[place];
  }

  function inTime(promise, otherwise) {
    const ms = deadline ? deadline - performance.now() : options.timeoutMs;
    const late = new Promise((resolve) => setTimeout(resolve, ms, otherwise));
    const view = shown;
    const answers = Promise.race([promise, late]).then((all) => {
      all.forEach((answer) => view.set(answer.experiment, answer));
      return all;
    });
    waiting = Promise.all([waiting, answers]);
    return answers;
  }

  async function assign(name, extra) {
    const experiment = String(name);
    const none = learnt(experiment);
    if (!isOn) return none;
    const [userId, view] = [user(), shown];
    const key = keyOf(userId, experiment);
    const known = outside.get(key) || parsed(session.get(ASSIGNED + key));
    if (!known && !open.has(key)) {
      const input = { experiment, userId, context: asJson((extra || {}).context) };
      const learn = (result) => {
        open.delete(key);
        return [learnt(experiment, result, userId, view)];
      };
      open.set(key, asking(input).then(learn));
    }
    return (await inTime(known ? [known] : open.get(key), [none]))[0];
  }

  async function assignAll(extra) {
    if (!isOn) return {};
    const [userId, view] = [user(), shown];
    const url = location.href.split("#")[0];
    const input = { userId, url, context: asJson((extra || {}).context) };
    const learn = (result) => learnt(result.experiment, result, userId, view);
    const results = ask(ASSIGN_ALL, input).then((all) => all.map(learn));
    const answers = await inTime(results, []);
    return Object.fromEntries(answers.map((answer) => [answer.experiment, answer]));
  }

  // A storage key for each event: no tab overwrites another one's.
  function enqueue(kind, experiment, given, fields) {
    const value = given == null ? 1 : +given;
    if (!isFinite(value)) return warn("no number:", given);
    const input = { experiment: String(experiment), userId: user(), value, ...fields };
    local.keys(QUEUE).slice(0, -999).forEach(local.remove);
    local.set(QUEUE + [Date.now(), queued++, tab], JSON.stringify([kind, input]));
    schedule();
    return true;
  }

  function nextBatch(owner = "") {
    const items = [];
    let bytes = 0;
    for (const name of local.keys(QUEUE)) {
      const text = local.get(name);
      const [kind, input] = parsed(text) || [];
      if (!input || Date.now() - parseInt(name.slice(QUEUE.length)) > 864e5) local.remove(name);
      else if (!unanswered && !flying.has(name) && name.endsWith(owner)) {
        if (items.length && kind !== items[0].kind) continue;
        bytes += sizeOf(text);
        if (items.length === most || (items.length && bytes > BYTES)) break;
        items.push({ name, kind, input });
      }
    }
    items.forEach(({ name }) => flying.add(name));
    return items;
  }

  async function sent(items) {
    if (!items.length) return false;
    const inputs = items.map(({ input }) => input);
    const { status, codes, results } = await post(SEND[items[0].kind], inputs);
    items.forEach(({ name }) => flying.delete(name));
    if (/^(0|408|429|5..)$/.test(status) || /UNAVAILABLE|TIMEOUT|RATE_LIMITED/.test(codes)) {
      schedule(Math.min(60e3, 1e3 * 2 ** failures++) * (0.5 + Math.random() / 2));
      return false;
    }
    failures = 0;
    if (!results && status < 401 && items.length > 1) {
      most = items.length >> 1; // one spoils the others
      return true;
    }
    most = 100;
    items.forEach(({ name, input }, place) => {
      const [error] = results ? results[place].errors : [{ message: status }];
      if (error) {
        if (error.code === "NOT_ASSIGNED" && unanswered) return;
        warn(input.experiment, error.message);
        session.remove(CONVERTED + keyOf(input.userId, input.experiment));
      }
      local.remove(name);
    });
    return true;
  }

  async function sendAll() {
    while (await sent(nextBatch()));
  }

  async function locked(work) {
    if (!navigator.locks) return work();
    return navigator.locks.request("abgraph", { signal: limit() }, work).catch(work);
  }

  function schedule(backoff) {
    if (backoff) clearTimeout(timer);
    if (backoff || !timer) timer = setTimeout(flush, backoff || options.batchMs);
  }

  function flush() {
    clearTimeout(timer);
    timer = 0;
    if (isOn) flushing = flushing.then(() => locked(sendAll)).catch(warn);
    return flushing;
  }

  // There may be no later: no waiting for the lock.
  function leave() {
    for (let n = 0; isOn && n < 3; n += 1) sent(nextBatch(tab));
  }

  function hide(selector, ms) {
    const sheet = new CSSStyleSheet();
    sheet.insertRule((selector === true ? "html" : selector) + "{opacity:0!important}");
    deadline = performance.now() + ms;
    reveal = () => {
      deadline = 0;
      sheet.replaceSync("");
    };
    setTimeout(reveal, ms);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  }

  const spaced = (text) => text.replace(/\s+/g, " ").trim();

  const FIND = {
    CSS: (value) => document.querySelectorAll(value),
    ID: (value) => [document.getElementById(value)],
    XPATH(value) {
      const nodes = document.evaluate(value, document);
      const found = [];
      for (let node = nodes.iterateNext(); node; node = nodes.iterateNext()) found.push(node);
      return found;
    },
    TEXT(value) {
      const wanted = spaced(value);
      const walker = document.createTreeWalker(document.body, 4);
      const found = new Set();
      while (walker.nextNode()) {
        let node = walker.currentNode;
        const start = spaced(node.data);
        if (!start || !wanted.startsWith(start)) continue;
        do node = node.parentNode;
        while (spaced(node.textContent).length < wanted.length && node !== document.body);
        if (spaced(node.textContent) === wanted) found.add(node);
      }
      return found;
    },
  };

  function setAttribute(element, name, value) {
    const code = /^(on|(srcdoc|style);)|;javascript:/i;
    if (!options.allowHtml && code.test(`${name};${value}`.replace(/[\0- ]/g, "")))
      warn("refused:", name, value);
    else if (value == null) element.removeAttribute(name);
    else element.setAttribute(name, value);
  }

  function change(element, { text, html, attributes, style }) {
    if (html != null && options.allowHtml) element.innerHTML = html;
    else if (text != null) element.textContent = text;
    for (const [name, value] of Object.entries(attributes || {}))
      guarded(() => setAttribute(element, name, value));
    for (const [name, value] of Object.entries(style || {}))
      element.style.setProperty(name, ...String(value).split(/\s*!\s*/));
  }

  function put(changes) {
    const texts = new WeakSet(); // a new text is not for another change to find
    const done = changes.map((one) => (one.selectorType === "TEXT" ? texts : new WeakSet()));
    const pass = () => {
      const found = changes.map(({ selectorType, selectorValue }, place) =>
        [...(guarded(() => FIND[selectorType](selectorValue)) || [])].filter(
          (element) => element && element.style && !done[place].has(element),
        ),
      );
      found.forEach((elements, place) =>
        elements.forEach((element) => {
          guarded(() => change(element, changes[place].content));
          // Nor is new content for the same one.
          [element, ...element.querySelectorAll("*")].forEach((one) => done[place].add(one));
        }),
      );
      observer.takeRecords();
    };
    if (observer) observer.disconnect();
    observer = new MutationObserver(pass);
    observer.observe(document, { childList: true, subtree: true });
    setTimeout((mine) => mine.disconnect(), 10e3, observer);
    pass();
  }

  async function apply() {
    await waiting;
    guarded(() => {
      const lists = [...shown.values()].map((one) => [one.content.elements, one.elements]);
      put(lists.flat(2).filter(Boolean));
    });
    reveal();
  }

  function init({ url, batchMs = 500, timeoutMs = 2000, respectDoNotTrack, auto, ...rest }) {
    const server = url || new URL((script && script.src) || location).origin;
    options = { ...rest, batchMs, timeoutMs, url: server.replace(/\/*$/, "/graphql") };
    shown = new Map();
    isOn = !(respectDoNotTrack && (navigator.doNotTrack === "1" || navigator.globalPrivacyControl));
    if (!isOn) return;
    if (options.hide) guarded(() => hide(options.hide, timeoutMs));
    schedule();
    if (auto === true) assignAll();
    else if (auto) auto.forEach(assign);
    if (auto) apply();
  }

  function convert(experiment, value, metadata) {
    const mark = CONVERTED + keyOf(user(), experiment);
    const fields = { metadata: asJson(metadata) };
    if (!session.get(mark) && enqueue("convert", experiment, value, fields)) session.set(mark, 1);
  }

  function track(experiment, eventType, value, extra) {
    const { data, eventId } = extra || {};
    enqueue("track", experiment, value, {
      eventType: String(eventType),
      data: asJson(data),
      timestamp: new Date().toISOString(),
      eventId: String(eventId || uuid()),
    });
  }

  function reset() {
    shown = new Map();
    outside.clear();
    local.remove(ID);
    session.keys("abgraph:").forEach(session.remove);
  }

  addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => document.hidden && leave());
  const ifOn =
    (method) =>
    (...values) =>
      void guarded(() => isOn && method(...values));
  window.abgraph = {
    init: (given) => guarded(() => init(given)),
    assign,
    assignAll,
    convert: ifOn(convert),
    track: ifOn(track),
    apply,
    flush,
    reset,
  };
})();
