/** The types of /tracker.js, which defines one global: `abgraph`. */
declare namespace abgraph {
  interface Options {
    /** The server, as `https://ab.example`; left out: where the script was loaded from. */
    url?: string;
    /** A key of the scope TRACK that names the page's origin. */
    key: string;
    /** The page's own name for the user; left out: an id that this browser keeps. */
    userId?: string | number | null;
    /** How long events are collected before they are sent. 500 where left out. */
    batchMs?: number;
    /** How long an assignment is waited for, and a page is hidden. 2000 where left out. */
    timeoutMs?: number;
    /** Lets variants bring HTML, `on…` attributes and `javascript:` addresses. */
    allowHtml?: boolean;
    /** Do nothing for browsers that ask not to be tracked. */
    respectDoNotTrack?: boolean;
    /** Say on the console what was refused or did not work. */
    debug?: boolean;
    /** Change the page at once: by every experiment for its address, or by those of these names. */
    auto?: boolean | readonly string[];
    /** Hide the page, or what a CSS selector finds, until it is changed; `timeoutMs` at most. */
    hide?: boolean | string;
  }

  type Json = Record<string, unknown> | readonly unknown[];

  type Reason = "NEW" | "STICKY" | "NOT_IN_TRAFFIC" | "NOT_RUNNING";

  interface Assignment {
    experiment: string;
    /** The variant's name; null: show the original. */
    variant: string | null;
    /** Null where the server did not answer in time, or refused. */
    reason: Reason | null;
    /** The variant's content; empty where there is none. */
    content: any;
    /** The variant's configuration; empty where there is none. */
    config: any;
    /** What it puts into elements of the page; `apply` does it. */
    elements: readonly ElementChange[];
    /** Why it was refused, as `NOT_FOUND`. */
    error: string | null;
  }

  /** One of the elements of an experiment, or an entry of a variant's `content.elements`. */
  interface ElementChange {
    selectorType: "CSS" | "XPATH" | "ID" | "TEXT";
    selectorValue: string;
    content: {
      text?: string;
      /** Instead of `text`, where `allowHtml` is set. */
      html?: string;
      /** A null removes the attribute. */
      attributes?: Record<string, string | number | null>;
      /** By their CSS names, as `font-size`. */
      style?: Record<string, string | number>;
    };
  }

  /** Once for each page, before everything else; again where another user logs in. */
  function init(options: Options): void;
  /** What this user gets. Never rejects. */
  function assign(experiment: string, extra?: { context?: Json }): Promise<Assignment>;
  /** What this user gets of every running experiment for this page, by name. Never rejects. */
  function assignAll(extra?: { context?: Json }): Promise<Record<string, Assignment>>;
  /** This user has done what the experiment is about: once, with a value (1 where left out). */
  function convert(experiment: string, value?: number | null, metadata?: Json): void;
  /** Something else has happened, as often as it happens. */
  function track(
    experiment: string,
    eventType: string,
    value?: number | null,
    extra?: { data?: Json; eventId?: string },
  ): void;
  /** Changes the page as the assignments asked for so far say, and shows it. */
  function apply(): Promise<void>;
  /** Tries to send now what is queued. */
  function flush(): Promise<void>;
  /** Forgets the browser's id and the assignments; events that wait are still sent. */
  function reset(): void;
}
