"""What the lake's SQL must obey, read off its tokens; no full parser is needed for that.

- A filter on ``time`` alone opens every hour of a table, so each SELECT that reads a lake table bounds its ``hour``
  from below with a condition that every row must meet.
- Athena takes parameters in WHERE clauses alone.
- Athena is Trino with limits of its own: how long a statement may be, which statements there are, which names have to
  be quoted, and how many partitions a statement may write. What Trino itself refuses, tests on it tell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^']|'')*')|(?P<quoted>\"(?:[^\"]|\"\")*\")"
    r"|(?P<param>:[a-z_]+)|(?P<number>\d[\w.]*)|(?P<word>[A-Za-z_]\w*)|(?P<sign><=|>=|<>|!=|->|=>|\|\||.)",
    re.DOTALL,
)
_SET_OPERATIONS = {"UNION", "INTERSECT", "EXCEPT"}
_CLAUSES = {"SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "WINDOW"}
# a condition on what they give does not reach below them
_BARRIERS = {"DISTINCT", "GROUP", "LIMIT", "OVER"}
_NO_ALIAS = _CLAUSES | _SET_OPERATIONS | {"JOIN", "CROSS", "INNER", "LEFT", "RIGHT", "FULL", "ON", "USING", "AS"}
MAX_STATEMENT_BYTES = 262_144
"""https://docs.aws.amazon.com/athena/latest/ug/service-limits.html#service-limits-query-string-length"""

RESERVED = frozenset(
    re.findall(
        r"\w+",
        """ALTER AND AS BETWEEN BY CASE CAST CONSTRAINT CREATE CROSS CUBE CURRENT_CATALOG CURRENT_DATE CURRENT_PATH
    CURRENT_SCHEMA CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DEALLOCATE DELETE DESCRIBE DISTINCT DROP ELSE END ESCAPE
    EXCEPT EXECUTE EXISTS EXTRACT FALSE FIRST FOR FROM FULL GROUP GROUPING HAVING IN INNER INSERT INTERSECT INTO IS JOIN
    JSON_ARRAY JSON_EXISTS JSON_OBJECT JSON_QUERY JSON_TABLE JSON_VALUE LAST LEFT LIKE LISTAGG LOCALTIME LOCALTIMESTAMP
    NATURAL NORMALIZE NOT NULL ON OR ORDER OUTER PREPARE RECURSIVE RIGHT ROLLUP SELECT SKIP TABLE THEN TRIM TRUE UESCAPE
    UNION UNNEST USING VALUES WHEN WHERE WITH""",
    )
)
"""Words that are no names in a query unless quoted: Athena's list, some of which Trino takes, and Trino's own.
https://docs.aws.amazon.com/athena/latest/ug/reserved-words.html#list-of-reserved-words-sql-select"""

# there is no DELETE, UPDATE or MERGE on tables of files, and tables are deployed, so no other DDL is needed:
# https://docs.aws.amazon.com/athena/latest/ug/other-notable-limitations.html
# https://docs.aws.amazon.com/athena/latest/ug/unsupported-ddl.html
_STATEMENTS = re.compile(
    r"(SELECT|WITH|INSERT INTO|UNLOAD|CREATE (OR REPLACE )?VIEW|CREATE TABLE \S+ (WITH \( .*?\) )?AS)\b"
)
_SIMPLE_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL; ``kind`` is space, comment, text, quoted, param, number, word or sign."""

    kind: str
    text: str

    @property
    def word(self) -> str:
        """Keyword or name in capitals; a quoted name without quotes; empty for all else."""
        if self.kind == "word":
            return self.text.upper()
        return self.text[1:-1].upper() if self.kind == "quoted" else ""


@dataclass(slots=True)
class _Select:
    """One SELECT without the SELECTs in its parentheses."""

    tokens: list[Token] = field(default_factory=list)


def tokens(sql: str) -> list[Token]:
    """All of the SQL, in pieces: joined they give it back."""
    return [Token(str(match.lastgroup), match[0]) for match in _TOKEN.finditer(sql)]


def _meaningful(sql: str) -> list[Token]:
    return [token for token in tokens(sql) if token.kind not in {"space", "comment"}]


def params(sql: str) -> set[str]:
    """Names of the parameters used."""
    return {token.text[1:] for token in tokens(sql) if token.kind == "param"}


def problems(sql: str, tables: Collection[str]) -> list[str]:
    """What is wrong with the SQL, as sentences without a subject; empty where nothing is."""
    found = _of_any_statement(sql)
    for select in _selects(sql):
        found += [
            f"has :{token.text[1:]} outside a WHERE clause, where Athena takes no parameter"
            for clause, token in _by_clause(select)
            if token.kind == "param" and clause != "WHERE"
        ]
        found += _unbounded(select, {name.upper() for name in tables})
    return found


def problems_of_view(sql: str, tables: Collection[str]) -> list[str]:
    """What is wrong with the query of a view, which hands on the hour of the tables it reads instead of bounding it."""
    found = _of_any_statement(sql)
    for select in _selects(sql):
        read = _tables_read(select, {name.upper() for name in tables})
        if read and (not _selects_hour(select) or any(token.word in _BARRIERS for token in select.tokens)):
            found.append(f"does not hand on the hour of {', '.join(read.values())}")
    return found


def _selects_hour(select: _Select) -> bool:
    """Whether the column stands among the selected as it is."""
    selected = [token.word or token.text for clause, token in _by_clause(select) if clause == "SELECT"]
    around = zip(selected, selected[1:], [*selected[2:], ""], strict=False)
    return any(
        word == "HOUR" and before in {"SELECT", ",", "."} and after in {",", ""} for before, word, after in around
    )


def _of_any_statement(sql: str) -> list[str]:
    found = [*_limits(sql)]
    if any(token.text == "?" for token in tokens(sql)):
        found.append("contains a question mark, which is kept for parameters")
    return found


def _limits(sql: str) -> Iterator[str]:
    """What Athena refuses and Trino does not, or only when it runs."""
    if len(sql.encode()) > MAX_STATEMENT_BYTES:
        yield f"is longer than {MAX_STATEMENT_BYTES:,} bytes"
    meaningful = _meaningful(sql)
    words = [token.word or token.text for token in meaningful]
    if not _STATEMENTS.match(" ".join(words)):
        yield f"is no statement that Athena takes for a table of files: {' '.join(words[:3])}"
    # each hour is a partition, of which a statement may write 100:
    # https://docs.aws.amazon.com/athena/latest/ug/ctas-insert-into.html
    if words[:1] in (["INSERT"], ["CREATE"]) and "VIEW" not in words[:4] and ("HOUR", "=") not in pairwise(words):
        yield "writes partitions without naming one hour"
    for token in _names(meaningful):
        if token.kind == "word" and token.word in RESERVED:
            yield f"has the reserved word {token.text} as a name without quotes"


def _names(meaningful: Sequence[Token]) -> Iterator[Token]:
    """Tokens that stand where only a name can (after AS or a dot, before AS and a parenthesis), and those of Athena's
    reserved words that are no words of a query elsewhere."""
    words = ["", *(token.word or token.text for token in meaningful), "", ""]
    for before, token, after, second in zip(words, meaningful, words[2:], words[3:], strict=False):
        names_itself = (before == "AS" and token.word not in {"SELECT", "WITH"}) or before == "."
        stray = token.word in {"FIRST", "LAST", "SKIP"} and before not in {"NULLS", "FETCH"} and after != "("
        if names_itself or stray or (after == "AS" and second == "("):
            yield token


def qualify(sql: str, database: str) -> str:
    """The SQL with the database before every lake table that it reads."""
    prefix = database if _SIMPLE_NAME.fullmatch(database) else f'"{database}"'
    local = _names_of_ctes(sql)
    result, after = [], ""
    for token in tokens(sql):
        reads = token.kind == "word" and after in {"FROM", "JOIN"} and token.word not in local
        result.append(f"{prefix}.{token.text}" if reads and token.word != "UNNEST" else token.text)
        if token.kind not in {"space", "comment"}:
            after = token.word
    return "".join(result)


def _names_of_ctes(sql: str) -> set[str]:
    return {name.upper() for name in re.findall(r"\b(\w+)\s+AS\s*\(\s*SELECT\b", sql, re.IGNORECASE)}


def _selects(sql: str) -> list[_Select]:
    """Every SELECT of the SQL with its own tokens; parentheses that hold no SELECT stay with the one around them."""
    done: list[_Select] = []
    stack: list[_Select] = [_Select()]
    meaningful = _meaningful(sql)
    depth: list[bool] = []
    for index, token in enumerate(meaningful):
        if token.text == "(":
            following = meaningful[index + 1].word if index + 1 < len(meaningful) else ""
            nested = following in {"SELECT", "WITH"}
            depth.append(nested)
            if nested:
                stack.append(_Select())
                continue
        elif token.text == ")" and depth and depth.pop():
            done.append(stack.pop())
            continue
        elif token.word in _SET_OPERATIONS:
            done.append(stack.pop())
            stack.append(_Select())
            continue
        stack[-1].tokens.append(token)
    return done + stack


def _by_clause(select: _Select) -> Iterator[tuple[str, Token]]:
    clause, depth = "", 0
    for token in select.tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.word in _CLAUSES:
            clause = token.word
        yield clause, token


def _tables_read(select: _Select, tables: set[str]) -> dict[str, str]:
    """Lake tables that this SELECT reads, by alias."""
    read: dict[str, str] = {}
    depth = 0
    for index, (clause, token) in enumerate(_by_clause(select)):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if clause == "FROM" and depth == 0 and token.word in tables and _names_a_table(select.tokens, index):
            read[_alias(select.tokens, index)] = token.text
    return read


def _unbounded(select: _Select, tables: set[str]) -> list[str]:
    """Lake tables that this SELECT reads without a lower bound on their hour."""
    read = _tables_read(select, tables)
    texts = select.tokens
    bounded: set[str] = set()
    depth = 0
    for index, (clause, token) in enumerate(_by_clause(select)):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if clause != "WHERE" or depth:
            continue
        if token.word == "OR":
            return [f"reads {table} without a condition on hour" for table in read.values()]
        if token.word == "HOUR" and _is_lower_bound(texts, index):
            bounded.add(texts[index - 2].word if texts[index - 1].text == "." else "")
    if "" in bounded and len(read) == 1:
        return []
    return [f"reads {table} without a condition on hour" for alias, table in read.items() if alias not in bounded]


def _names_a_table(texts: list[Token], index: int) -> bool:
    """Whether the name stands where FROM and JOIN have a table, with or without its database."""
    start = index - 2 if texts[index - 1].text == "." else index
    return texts[start - 1].word in {"FROM", "JOIN"} or texts[start - 1].text == ","


def _alias(texts: list[Token], index: int) -> str:
    following = [token.word for token in texts[index + 1 : index + 3]] + ["", ""]
    alias = following[1] if following[0] == "AS" else following[0]
    return alias if alias and alias not in _NO_ALIAS else texts[index].word


def _is_lower_bound(texts: list[Token], index: int) -> bool:
    negated = index > 0 and texts[index - 1].word == "NOT"
    following = texts[index + 1] if index + 1 < len(texts) else None
    return not negated and following is not None and (following.text in {"=", ">", ">="} or following.word == "BETWEEN")
