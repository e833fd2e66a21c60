/* SPDX-License-Identifier: MIT
 *
 * search.js - how the site's search finds names. tools/docs appends this file to the search worker of the theme, in which
 * `lunr` is the index that the worker builds and asks.
 *
 *  - A name is found whole and by its words: max_payload by "max_payload", "max" and "payload".
 *  - A query is split as the pages are, so "sio_options.max_payload" and "sio_emit()" find what they name.
 *  - An entry comes first if it has all words of the query, if its title has them as whole words, or if its title is the
 *    word that was asked for: "sio_emit" finds sio_emit() before sio_emitter.
 *  - Pages for users come before pages about the library itself.
 */
(() => {
  const { lunr } = self;
  const ALL_WORDS = 1000; /* what a match in a title is worth to the worker, too */
  const IN_TITLE = 10;
  const IS_TITLE = 100;
  const WEIGHTS = [
    [/^(changelog|contributing|platforms|api-changes|architecture|testing|conformance|features)\./, 0.0001],
    [/^reference\/(adapter|parser)\./, 0.002], /* for who writes an adapter or a parser */
    [/^(performance|security|reporting|from-node|examples\/)/, 0.1],
  ];
  const titles = new Map();

  const weight = (location) => (WEIGHTS.find(([pages]) => pages.test(location)) || [null, 1])[1];
  const wordsOf = (title) => title.toLowerCase().split(/[^\w]+/).filter((word) => word && word !== "h");

  const whole = lunr.tokenizer;
  lunr.tokenizer = (text, metadata) => whole(text, metadata).flatMap((token) => {
    const words = token.toString().split("_").filter(Boolean);
    return words.length < 2 ? [token] : [token, ...words.map((word) => token.clone(() => word))];
  });

  const { add } = lunr.Builder.prototype;
  lunr.Builder.prototype.add = function (entry, attributes) {
    titles.set(entry.location, wordsOf(entry.title));
    return add.call(this, entry, attributes);
  };

  /* What the theme would take for the name of a field, an edit distance or a boost: "sio::server" is two words. */
  const { QueryParser } = lunr;
  const parse = function (text, query) {
    return new QueryParser(text.replace(/[:~^]/g, " "), query);
  };
  lunr.QueryParser = Object.assign(parse, QueryParser);

  const rank = (words, { ref, matchData }) => {
    const found = Object.keys(matchData.metadata);
    const title = titles.get(ref) || [];
    const all = words.every((word) => found.some((term) => term.startsWith(word)));
    const inTitle = words.filter((word) => title.includes(word)).length;
    const isTitle = inTitle === words.length && title.length === words.length;
    return weight(ref) * (all ? ALL_WORDS : 1) * IN_TITLE ** inTitle * (isTitle ? IS_TITLE : 1);
  };

  const { search } = lunr.Index.prototype;
  lunr.Index.prototype.search = function (query) { /* the worker has added a "*" */
    lunr.QueryLexer.termSeparator = lunr.tokenizer.separator;
    const text = query.replace(/[\s().,`/:~^]+\*$/, "*");
    const words = text.toLowerCase().split(/[^\w]+/).filter(Boolean);
    return search.call(this, text).map((hit) => ({ ...hit, score: hit.score * rank(words, hit) }));
  };
})();
