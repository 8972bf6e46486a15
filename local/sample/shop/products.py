"""What the shop sells."""

from __future__ import annotations

from typing import NamedTuple


class Product(NamedTuple):
    """One product; the price is in cents."""

    id: str
    name: str
    price: int


PRODUCTS = tuple(
    Product(f"p-{number}", name, price)
    for number, (name, price) in enumerate(
        (
            ("Enamel mug", 1490),
            ("Wool blanket", 8900),
            ("Desk lamp", 5450),
            ("Canvas bag", 2900),
            ("Notebook, dotted", 990),
            ("Field kettle", 4200),
            ("Linen apron", 3600),
            ("Bicycle bell", 1850),
            ("Garden twine", 650),
            ("Picnic basket", 7400),
            ("Storm candle", 1200),
            ("Oak tray", 4800),
        ),
        start=100,
    )
)
BY_ID = {product.id: product for product in PRODUCTS}
