; Inno Setup script for the folder that `py packaging/dev.py bundle` makes on Windows. NOT TRIED: written from the
; documentation, on a machine without Windows.
;   iscc /DVersion=0.1.0 packaging\windows\tlstudio.iss

#ifndef Version
  #error Say which version: iscc /DVersion=0.1.0 tlstudio.iss
#endif

[Setup]
AppId=io.github.tlstudio.TLStudio
AppName=TL Studio
AppVersion={#Version}
AppPublisher=TL Studio
DefaultDirName={autopf}\TL Studio
DefaultGroupName=TL Studio
DisableProgramGroupPage=yes
; No administrator is needed; one may still install it for everybody.
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
; torch's libraries lie deep; solid compression of gigabytes takes long and saves little here.
Compression=lzma2/fast
SolidCompression=no
OutputDir=..\..\dist
OutputBaseFilename=tlstudio-{#Version}-windows-x64
UninstallDisplayIcon={app}\TL Studio.exe
ChangesAssociations=yes
CloseApplications=yes
LicenseFile=..\..\dist\tlstudio\licences\LICENCES.txt

[Tasks]
Name: desktopicon; Description: "{cm:CreateDesktopIcon}"; Flags: unchecked

[Files]
Source: "..\..\dist\tlstudio\*"; DestDir: "{app}"; Flags: recursesubdirs createallsubdirs ignoreversion

[InstallDelete]
; Nothing of an earlier version may stay among the libraries.
Type: filesandordirs; Name: "{app}\_internal"

[Icons]
Name: "{group}\TL Studio"; Filename: "{app}\TL Studio.exe"; AppUserModelID: "io.github.tlstudio.TLStudio"
Name: "{autodesktop}\TL Studio"; Filename: "{app}\TL Studio.exe"; Tasks: desktopicon

[Registry]
; HKA: for this person, or for everybody when installed so.
Root: HKA; Subkey: "Software\Classes\.tlmodel"; ValueType: string; ValueName: ""; ValueData: "TLStudio.Model"; Flags: uninsdeletevalue
Root: HKA; Subkey: "Software\Classes\.tlmodel"; ValueType: string; ValueName: "Content Type"; ValueData: "application/x-tlstudio-model"
Root: HKA; Subkey: "Software\Classes\TLStudio.Model"; ValueType: string; ValueName: ""; ValueData: "TL Studio model"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\TLStudio.Model\DefaultIcon"; ValueType: string; ValueName: ""; ValueData: "{app}\TL Studio.exe,0"
Root: HKA; Subkey: "Software\Classes\TLStudio.Model\shell\open\command"; ValueType: string; ValueName: ""; ValueData: """{app}\TL Studio.exe"" ""%1"""

[Run]
Filename: "{app}\TL Studio.exe"; Description: "{cm:LaunchProgram,TL Studio}"; Flags: nowait postinstall skipifsilent
