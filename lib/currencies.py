"""
The currencies of ISO 4217 with their numbers of decimal places.

Recently withdrawn currencies stay, since a correction may still be owed in them. Funds and metals
without a minor unit (XAU, XDR, XXX …) are omitted, since amounts can't be rounded to them.

Source: ISO 4217, list one; docs/pricing.md#rounding.
"""

from decimal import Decimal

_CODES_BY_PLACES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF
    CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD
    HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK
    MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB
    SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN
    UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

MINOR_UNITS: dict[str, Decimal] = {
    code: Decimal(1).scaleb(-places) for places, codes in _CODES_BY_PLACES.items() for code in codes.split()
}
"""The smallest amount of each currency, by its code."""

WITHDRAWN = frozenset(["ANG", "BGN", "HRK"])
"""Currencies above that ISO 4217 no longer lists."""

CREDITS = "XCR"
"""The currency code of prices in credits; ISO 4217 reserves it for private use."""

MINOR_UNITS[CREDITS] = Decimal("1e-12")
