"""What seccam consists of that others wrote: SBOMs, licences and known vulnerabilities of the locked packages."""
