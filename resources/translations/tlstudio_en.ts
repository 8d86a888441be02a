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
  <name>ClassView</name>
  <message numerus="yes">
   <source>Its %n picture(s) will count as “{into}”. No file is moved, and Ctrl+Z takes it back.</source>
   <translation>
    <numerusform>Its %n picture will count as “{into}”. No file is moved, and Ctrl+Z takes it back.</numerusform>
    <numerusform>Its %n pictures will count as “{into}”. No file is moved, and Ctrl+Z takes it back.</numerusform>
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
  <name>DoubtsView</name>
  <message numerus="yes">
   <source>%n picture(s) chosen</source>
   <translation>
    <numerusform>%n picture chosen</numerusform>
    <numerusform>%n pictures chosen</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>Editor</name>
  <message numerus="yes">
   <source>Merged “{first}” into “{last}”: %n picture(s).</source>
   <translation>
    <numerusform>Merged “{first}” into “{last}”: %n picture.</numerusform>
    <numerusform>Merged “{first}” into “{last}”: %n pictures.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Removed the class “{first}”; its %n picture(s) are left out.</source>
   <translation>
    <numerusform>Removed the class “{first}”; its %n picture are left out.</numerusform>
    <numerusform>Removed the class “{first}”; its %n pictures are left out.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Filed %n picture(s) under “{first}”.</source>
   <translation>
    <numerusform>Filed %n picture under “{first}”.</numerusform>
    <numerusform>Filed %n pictures under “{first}”.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>filing %n picture(s) under “{first}”</source>
   <translation>
    <numerusform>filing %n picture under “{first}”</numerusform>
    <numerusform>filing %n pictures under “{first}”</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Left out %n picture(s); the files stay where they are.</source>
   <translation>
    <numerusform>Left out %n picture; the files stay where they are.</numerusform>
    <numerusform>Left out %n pictures; the files stay where they are.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>leaving out %n picture(s)</source>
   <translation>
    <numerusform>leaving out %n picture</numerusform>
    <numerusform>leaving out %n pictures</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) are used again.</source>
   <translation>
    <numerusform>%n picture are used again.</numerusform>
    <numerusform>%n pictures are used again.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>using %n picture(s) again</source>
   <translation>
    <numerusform>using %n picture again</numerusform>
    <numerusform>using %n pictures again</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Moved %n picture(s) to another part.</source>
   <translation>
    <numerusform>Moved %n picture to another part.</numerusform>
    <numerusform>Moved %n pictures to another part.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>moving %n picture(s) to another part</source>
   <translation>
    <numerusform>moving %n picture to another part</numerusform>
    <numerusform>moving %n pictures to another part</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>FeatureMap</name>
  <message numerus="yes">
   <source>and %n more</source>
   <translation>
    <numerusform>and %n more</numerusform>
    <numerusform>and %n more</numerusform>
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
  <name>PictureGrid</name>
  <message numerus="yes">
   <source>%n picture(s)</source>
   <translation>
    <numerusform>%n picture</numerusform>
    <numerusform>%n pictures</numerusform>
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