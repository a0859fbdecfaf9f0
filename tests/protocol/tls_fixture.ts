/**
 * A self-signed certificate for `localhost` and 127.0.0.1, and its key. Only tests trust it. It is valid from 2020 to 2120.
 *
 * @module
 */

/** The certificate. */
export const cert = `-----BEGIN CERTIFICATE-----
MIIBaDCCAQ6gAwIBAgIBATAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtuZXRsYWIg
dGVzdDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFjEUMBIGA1UE
AwwLbmV0bGFiIHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATYvdnfs5VD
IWMk4Iwyxv98cwgCGb+VQQAyiGt9HWRBT+C+0f/JAgO5IOZHuMWpGb24j7c2ZYUz
tvtfaAn3RxIXo0swSTAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwDAYDVR0T
AQH/BAIwADAdBgNVHQ4EFgQUqqZP30VlgVv159LQz68VzXP4f2swCgYIKoZIzj0E
AwIDSAAwRQIgXLhwk/ovOSelQ3xr+S9Qd9C58NoI84W0hVZLHXPxz/oCIQDdlAy1
BYUgPdjjREusuw5REBRJjlJXEM3s3z/gn1VKQA==
-----END CERTIFICATE-----
`;

/** The private key of the certificate. */
export const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXsV5z5+DQckS4zmj
I/+faHiepAsePccGbUVWvPiWTaGhRANCAATYvdnfs5VDIWMk4Iwyxv98cwgCGb+V
QQAyiGt9HWRBT+C+0f/JAgO5IOZHuMWpGb24j7c2ZYUztvtfaAn3RxIX
-----END PRIVATE KEY-----
`;
