"""The pictures that stand for a page where somebody shares it, and the icon of a telephone's screen, into static/."""

from __future__ import annotations

import io
from pathlib import Path

from markupsafe import Markup
from PIL import Image
from playwright.sync_api import Browser
from stage import chromium

from vote import editions, press

STATIC = Path("static")
WIDTH, HEIGHT, ICON = 1200, 630, 180
# Flat drawings: more colours would be weight and nothing else.
COLOURS = 32


def main() -> None:
    edition = editions.read(editions.SHIPPED)
    with chromium() as browser:
        pictures = {"accueil": (edition.question.fr, "", ""), "resultats": ("Les résultats", "", "")}
        pictures |= {one.slug: (one.name, one.prize.fr, one.category) for one in edition.laureates}
        for name, (title, above, category) in pictures.items():
            draw(browser, f"social-{name}.png", title=title, above=above, category=category, edition=edition)
        icon = Markup((STATIC / "logo.svg").read_text(encoding="utf-8"))
        keep("icon-180.png", shoot(browser, f"<body style='margin:22px;background:#fff8f0'>{icon}", ICON, ICON))


def draw(browser: Browser, name: str, **context: object) -> None:
    html = press.print_out("fr", "social.html", style=(STATIC / "style.css").read_text(encoding="utf-8"), **context)
    keep(name, shoot(browser, html, WIDTH, HEIGHT))


def shoot(browser: Browser, html: str, width: int, height: int) -> bytes:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_content(html)
    picture = page.screenshot()
    page.close()
    return picture


def keep(name: str, picture: bytes) -> None:
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(STATIC / name, optimize=True)
    print(f"{name}: {(STATIC / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
