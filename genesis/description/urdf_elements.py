"""Reading URDF elements: names, ends and numbers, once ``urdf_check`` has passed the document."""

from xml.etree.ElementTree import Element


def name_of(element: Element) -> str:
    """The name attribute, "" if there is none."""
    return element.get("name", "")


def label(element: Element) -> str:
    """How messages name a link or joint: link "base"."""
    return f'{element.tag} "{name_of(element)}"'


def end_of(joint: Element, end: str) -> str:
    """Name of the parent or child link of a joint, "" if there is none."""
    element = joint.find(end)
    return "" if element is None else element.get("link", "")


def number(element: Element | None, attribute: str, default: float) -> float:
    """One number of an attribute; the default where element or attribute is absent."""
    text = None if element is None else element.get(attribute)
    return default if text is None else float(text)


def numbers(element: Element | None, attribute: str, default: list[float]) -> list[float]:
    """The numbers of an attribute; the default where element or attribute is absent."""
    text = None if element is None else element.get(attribute)
    return default if text is None else [float(word) for word in text.split()]
