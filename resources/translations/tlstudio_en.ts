<?xml version='1.0' encoding='utf-8'?>
<TS version="2.1" language="en" sourcelanguage="en">
 <context>
  <name>AnswersView</name>
  <message numerus="yes">
   <source>%n answer(s)</source>
   <translation>
    <numerusform>%n answer</numerusform>
    <numerusform>%n answers</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>CacheCard</name>
  <message numerus="yes">
   <source>%n file(s), {0}</source>
   <translation>
    <numerusform>%n file, {0}</numerusform>
    <numerusform>%n files, {0}</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>ClassCounts</name>
  <message numerus="yes">
   <source>%n answer(s)</source>
   <translation>
    <numerusform>%n answer</numerusform>
    <numerusform>%n answers</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>DatasetPanel</name>
  <message numerus="yes">
   <source>Added %n picture(s) as class {label}.</source>
   <translation>
    <numerusform>Added %n picture as class {label}.</numerusform>
    <numerusform>Added %n pictures as class {label}.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Added %n picture(s) in {number} classes.</source>
   <translation>
    <numerusform>Added %n picture in {number} classes.</numerusform>
    <numerusform>Added %n pictures in {number} classes.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n class(es)</source>
   <translation>
    <numerusform>%n class</numerusform>
    <numerusform>%n classes</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s)</source>
   <translation>
    <numerusform>%n picture</numerusform>
    <numerusform>%n pictures</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>MainWindow</name>
  <message numerus="yes">
   <source>{device}, %n thread(s)</source>
   <translation>
    <numerusform>{device}, %n thread</numerusform>
    <numerusform>{device}, %n threads</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>ModelCard</name>
  <message numerus="yes">
   <source>and %n more class(es)</source>
   <translation>
    <numerusform>and %n more class</numerusform>
    <numerusform>and %n more classes</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s)</source>
   <translation>
    <numerusform>%n picture</numerusform>
    <numerusform>%n pictures</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>NetworksPage</name>
  <message numerus="yes">
   <source>{0}: the weights of %n network(s), {1}.</source>
   <translation>
    <numerusform>{0}: the weights of %n network, {1}.</numerusform>
    <numerusform>{0}: the weights of %n networks, {1}.</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>PackDialog</name>
  <message numerus="yes">
   <source>%n network(s), {0}.</source>
   <translation>
    <numerusform>%n network, {0}.</numerusform>
    <numerusform>%n networks, {0}.</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>PredictPanel</name>
  <message numerus="yes">
   <source>Saved %n answer(s) in {file}.</source>
   <translation>
    <numerusform>Saved %n answer in {file}.</numerusform>
    <numerusform>Saved %n answers in {file}.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Copied %n picture(s) into {folder}.</source>
   <translation>
    <numerusform>Copied %n picture into {folder}.</numerusform>
    <numerusform>Copied %n pictures into {folder}.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n of them to be looked through by hand.</source>
   <translation>
    <numerusform>%n of them to be looked through by hand.</numerusform>
    <numerusform>%n of them to be looked through by hand.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Removed %n copied picture(s) again.</source>
   <translation>
    <numerusform>Removed %n copied picture again.</numerusform>
    <numerusform>Removed %n copied pictures again.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n file(s) stay, because they were changed since.</source>
   <translation>
    <numerusform>%n file stay, because they were changed since.</numerusform>
    <numerusform>%n files stay, because they were changed since.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n answer(s)</source>
   <translation>
    <numerusform>%n answer</numerusform>
    <numerusform>%n answers</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n class(es)</source>
   <translation>
    <numerusform>%n class</numerusform>
    <numerusform>%n classes</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>ProblemList</name>
  <message numerus="yes">
   <source>%n file(s) could not be read and will not be used</source>
   <translation>
    <numerusform>%n file could not be read and will not be used</numerusform>
    <numerusform>%n files could not be read and will not be used</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) filed under more than one class</source>
   <translation>
    <numerusform>%n picture filed under more than one class</numerusform>
    <numerusform>%n pictures filed under more than one class</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) both to train on and to check with: accuracy will look too good</source>
   <translation>
    <numerusform>%n picture both to train on and to check with: accuracy will look too good</numerusform>
    <numerusform>%n pictures both to train on and to check with: accuracy will look too good</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) there more than once in a class</source>
   <translation>
    <numerusform>%n picture there more than once in a class</numerusform>
    <numerusform>%n pictures there more than once in a class</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>SortingDialog</name>
  <message numerus="yes">
   <source>All %n answer(s)</source>
   <translation>
    <numerusform>All %n answer</numerusform>
    <numerusform>All %n answers</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>The %n selected</source>
   <translation>
    <numerusform>The %n selected</numerusform>
    <numerusform>The %n selected</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Copy %n picture(s)</source>
   <translation>
    <numerusform>Copy %n picture</numerusform>
    <numerusform>Copy %n pictures</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) already in place.</source>
   <translation>
    <numerusform>%n picture already in place.</numerusform>
    <numerusform>%n pictures already in place.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n unreadable picture(s) left out.</source>
   <translation>
    <numerusform>%n unreadable picture left out.</numerusform>
    <numerusform>%n unreadable pictures left out.</numerusform>
   </translation>
  </message>
 </context>
</TS>