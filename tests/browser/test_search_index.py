"""The search index: what a section is, what is left out, and how it stays small."""

import json

from proxylab.site.pandoc import parse
from proxylab.site.search import LENGTHS, MOST_BYTES, sections_of, write_index

PAGE = """Before [@smith2020], $\\mathrm{x}$.

## First 2 parts {#first}

Of 7 prompts, 3.

| name | value |
|:--|--:|
| zebra | 0.61 |

: Animals.

#### Deep

``` {.python .cell-code}
hidden = 1
```

## Second {#second}
"""


def read(file):
    """The rows of a written index."""
    return json.loads(file.read_text().removeprefix("window.proxylabSearch = ")[:-2])


def test_a_section_holds_its_prose_and_the_words_of_its_tables(tmp_path):
    sections = sections_of(parse(PAGE, folder=tmp_path)["blocks"])
    assert sections == (
        ("", "", "Before , ."),  # neither a formula's source nor a citation's key
        ("first", "First 2 parts", "Of 7 prompts, 3. Animals. name value zebra Deep"),
        ("second", "Second", ""),
    )


def test_a_headings_number_is_left_out(tmp_path):
    blocks = parse("## [1.2]{.header-section-number} Title {#a}\n", folder=tmp_path)["blocks"]
    assert sections_of(blocks)[1][:2] == ("a", "Title")


def test_the_index_is_a_script_with_one_row_a_section(tmp_path):
    write_index([("a/b.html", "Title", (("x", "Name", "text “é”"),))], tmp_path / "index.js")
    assert read(tmp_path / "index.js") == [["a/b.html", "x", "Title", "Name", "text “é”"]]


def test_a_large_site_keeps_as_much_of_each_text_as_fits(tmp_path):
    """300 sections: 400 characters each are 120,000 and fit, 1,500 would be 450,000."""
    sections = tuple((f"s{i}", f"Section {i}", "word " * 1000) for i in range(300))
    file = tmp_path / "index.js"
    write_index([("a.html", "Title", sections)], file)
    assert file.stat().st_size <= MOST_BYTES
    assert {len(row[4]) for row in read(file)} == {800}  # 240,000 and 45 more characters a row
    assert 800 in LENGTHS
